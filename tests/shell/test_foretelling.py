"""The daemon measures the traffic there is, forecasts a plan on it, and holds starts to the rule for low traffic."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rollout_adapters.memory import MemoryProber, MemoryRouter
from rollout_adapters.memory_metrics import MemorySource
from rolloutd import foreteller
from rolloutd.clock import BoottimeClock
from rolloutd.core.commands import RefusalCode, Refused, Start
from rolloutd.core.metrics import Answer, Counted, LabelMatch, MatchKind, Point, Question, Selector
from rolloutd.core.observed import RouteReading
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.values import Actor, ActorKind, Role, Share, Slot
from rolloutd.daemon import Daemon
from rolloutd.foretold import foretell
from rolloutd.main import make_outside, spec_reader, vocabulary
from rolloutd.measuring import measure
from rolloutd.ports import RouterUnreachable
from rolloutd.settings import read_settings, read_spec
from rolloutd.wire import ActionDone
from tests.core.playbook import a_spec
from tests.rehearsal.plans import gate, spec

WHO = Actor(ActorKind.PERSON, "ops1", 1000, Role.ADMIN, "test")
STEP_MS = 10_000
CONFIG = """
[routers.edge]
kind = "memory"
[routes.ranker]
router = "edge"
slots.a = { arm = "ranker-a", probe_url = "http://127.0.0.1:1/a" }
slots.b = { arm = "ranker-b", probe_url = "http://127.0.0.1:1/b" }
[sources.proxy]
kind = "memory"
every = "200ms"
[metrics.errors]
source = "proxy"
arm_label = "arm"
total = { series = "all" }
bad = { series = "bad" }
"""
SPEC = """
[rollout]
model = "ranker"
champion = "v41"
challenger = "v42"
route = "ranker"
[[gate]]
metric = "errors"
limit = "5%"
"""


class Away(MemoryRouter):
    """A router that cannot be read."""

    def __init__(self) -> None:
        super().__init__(BoottimeClock(), ("ranker",))

    async def read(self, route: str) -> RouteReading:
        """Fail."""
        raise RouterUnreachable("It is away.")


@dataclass
class Street:
    """Users of the route: at every look at the source, ten seconds of them have passed."""

    rps: float
    now_ms: int = 0
    source: MemorySource | None = None

    def look(self) -> int:
        """The source's clock."""
        self.now_ms += STEP_MS
        requests = round(self.rps * STEP_MS / 1000)
        if self.source is not None:
            self.source.count("errors", "ranker-a", requests, requests // 100)
            self.source.count("errors", "ranker-b", 0, 0)
        return self.now_ms


@asynccontextmanager
async def daemon(folder: Path, street: Street) -> AsyncIterator[Daemon]:
    """The daemon on its doubles, which reads its sources only when it is asked to."""
    settings = read_settings(CONFIG, "config.toml", vocabulary())
    made = make_outside(settings)
    await made.prober.close()
    street.source = MemorySource("proxy", street.look)
    outside = replace(made, prober=MemoryProber({}), sources={"proxy": street.source})
    opened = await Daemon.open(folder / "state", outside, spec_reader(settings))
    try:
        yield opened
    finally:
        await opened.close()


def body() -> dict[str, object]:
    """What a client sends."""
    return {"spec_toml": SPEC, "file": "ranker.toml", "reason": ""}


async def test_a_dry_run_forecasts_at_the_traffic_that_it_measured(tmp_path: Path) -> None:
    """Two readings ten seconds of users apart: 400 a second, 1 % bad; nothing is started."""
    async with daemon(tmp_path, Street(400)) as opened:
        done = await opened.desk.start(body(), WHO, "dry", True)
        assert isinstance(done, ActionDone)
        assert done.plan is not None
        assert (done.accepted, done.plan.decision) == (True, "go")
        seen = done.plan.traffic[0]
        assert (seen.rps, seen.champion_rate) == (400.0, 0.01)
        assert "measured" in seen.basis
        assert [stage.share for stage in done.plan.stages] == [0.01, 0.1, 0.5, 0.99]
        assert opened.loop.lanes == {}


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (Rules(fleet_hold="by ops2: sale"), "The fleet is held by ops2: sale"),
        (Rules(frozen="until Mon"), "The policy's freeze lasts until Mon"),
        (Rules(limits=Limits(1)), "max_concurrent is 1"),
    ],
)
async def test_a_dry_run_says_no_where_the_policy_would(tmp_path: Path, rules: Rules, says: str) -> None:
    """The hold, the freeze and the limit are said by the dry run as by the start, with what to do."""
    async with daemon(tmp_path, Street(400)) as opened:
        if rules.limits.live:
            other = replace(a_spec(), name="other", model="other", route="other")
            await opened.loop.start(Start(other, WHO), None)
        opened.loop.rule(rules)
        dry = await opened.desk.start(body(), WHO, "dry", True)
        real = await opened.desk.start(body(), WHO, "start", False)
        assert isinstance(dry, ActionDone)
        assert isinstance(real, Refused)
        assert (dry.accepted, real.code) == (False, RefusalCode.GATE)
        assert says in dry.message
        assert f"{real.message} {real.next_step}" in dry.message
        assert "ranker-v42" not in opened.loop.lanes


async def test_little_traffic_gets_a_larger_first_share_and_the_record_says_why(tmp_path: Path) -> None:
    """The rule is in the journal, in the timeline and in why."""
    async with daemon(tmp_path, Street(40)) as opened:
        starting = asyncio.create_task(opened.desk.start(body(), WHO, "start-1", False))
        async with asyncio.timeout(30):
            while not opened.loop.lanes:
                await asyncio.sleep(0.05)
        starting.cancel()
        lane = opened.loop.lanes["ranker-v42"]
        first = lane.rollout.spec.plan.stages[0].share
        assert 100 < first.basis_points <= 500
        assert f"begins at {first}" in lane.rollout.rule
        timeline, why = await opened.desk.timeline("ranker-v42", 0), opened.desk.why("ranker-v42")
        assert timeline is not None
        assert why is not None
        assert lane.rollout.rule in timeline.entries[0].why
        assert any(lane.rollout.rule in line for line in why.lines)


@pytest.mark.parametrize("dry_run", [True, False])
async def test_too_little_traffic_is_refused_with_the_numbers(tmp_path: Path, dry_run: bool) -> None:
    """A start and a dry run alike; nothing is started."""
    async with daemon(tmp_path, Street(1)) as opened:
        done = await opened.desk.start(body(), WHO, "start-1", dry_run)
        said = done.message
        for words in ("1 requests a second", "wider margins after a shadow", "This plan needs about"):
            assert words in said
        assert isinstance(done, ActionDone if dry_run else Refused)
        assert not (isinstance(done, ActionDone) and done.accepted)
        assert opened.loop.lanes == {}


async def test_a_source_without_samples_gives_no_forecast_and_says_so(tmp_path: Path) -> None:
    """Not knowing is said, and it is no refusal: the checks before traffic will say more."""
    street = Street(400)
    async with daemon(tmp_path, street) as opened:
        assert street.source is not None
        street.source = None  # nothing is counted any more
        done = await opened.desk.start(body(), WHO, "dry", True)
        assert isinstance(done, ActionDone)
        assert done.plan is not None
        assert (done.plan.decision, done.plan.stages) == ("unknown", [])
        assert any("errors cannot be read now" in text for text in done.plan.warnings)


class Still:
    """A source of fixed counters, sampled anew at each look."""

    name = "source"

    def __init__(self, counters: Callable[[Question], tuple[list[tuple[str, float]], list[tuple[str, float]]]]) -> None:
        self.counters = counters
        self.now_ms = 0

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """All arms alike."""
        self.now_ms += STEP_MS
        total, part = self.counters(question)
        grown = [(series, value + self.now_ms / 100) for series, value in total]
        both = [tuple(Point(series, value, self.now_ms) for series, value in row) for row in (grown, part)]
        return Answer(self.now_ms, dict.fromkeys(question.arm_values, Counted(*both)))

    async def close(self) -> None:
        """Nothing is open."""


async def warnings_of(source: Still, plan_gate: object = None) -> tuple[str, ...]:
    """What measuring has to say of this source."""
    made = spec() if plan_gate is None else spec(gates=(plan_gate,))  # type: ignore[arg-type]
    found = await measure(made, {Slot.A: "a", Slot.B: "b"}, Slot.A, {"source": source}, {"source": 200})
    assert found.traffic
    return found.warnings


async def test_instances_that_differ_for_good_are_warned_of_where_no_margin_allows_it() -> None:
    """1 % and 2 % errors on two instances: no test without a margin can tell that from a bad version."""

    def uneven(_: Question) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        total = [(f'all{{instance="{k}"}}', 100_000.0) for k in range(2)]
        return total, [(f'bad{{instance="{k}"}}', 1_000.0 * (k + 1)) for k in range(2)]

    def even(_: Question) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        total = [(f'all{{instance="{k}"}}', 100_000.0) for k in range(2)]
        return total, [(f'bad{{instance="{k}"}}', 1_000.0 + 40 * k) for k in range(2)]

    (told,) = await warnings_of(Still(uneven))
    assert "lastingly different" in told
    assert await warnings_of(Still(even)) == ()
    from rolloutd.core.stats.margins import Margin

    assert await warnings_of(Still(uneven), replace(gate(), harm=Margin.ratio(1.5))) == ()


@pytest.mark.parametrize(("counts", "warns"), [((9_900, 9_950, 10_000), True), ((3_000, 7_000, 10_000), False)])
async def test_a_histogram_in_one_bucket_is_warned_of(counts: tuple[int, ...], warns: bool) -> None:
    """99 % of the requests under one bound: a slowdown there is seen by no test."""
    config = CONFIG + '[metrics.slow]\nsource = "proxy"\narm_label = "arm"\nslo = "250ms"\ntotal = { series = "n" }\n'
    config += 'good = { series = "bucket", match = { le = "0.25" } }\n'
    settings = read_settings(config, "config.toml", vocabulary())
    latency = read_spec(SPEC.replace('"errors"', '"slow"'), "s.toml", settings).plan.gates[0]
    assert latency.template.good == Selector("bucket", (LabelMatch("le", MatchKind.EQUAL, "0.25"),))

    def buckets(question: Question) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        good = question.template.good
        assert good is not None
        bounds = ("0.25",) if good.match else ("0.1", "0.25", "+Inf")
        all_counts = dict(zip(("0.1", "0.25", "+Inf"), map(float, counts), strict=True))
        return [("n{}", float(counts[-1]))], [(f'bucket{{le="{le}"}}', all_counts[le]) for le in bounds]

    told = await warnings_of(Still(buckets), replace(latency, source="source"))
    assert bool(told) is warns
    assert all("buckets hold more than 5%" in text for text in told)


class Dripping(Still):
    """A quick source, of which by chance nothing, then three, then sixty requests are new at each look."""

    def __init__(self) -> None:
        super().__init__(lambda _: ([], []))
        self.came, self.all = [0.0, 0.0, 3.0, 60.0, 1_000.0], 0.0

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """Two hundred milliseconds later."""
        self.now_ms += 200
        self.all += self.came.pop(0)
        row = (Point("all", self.all, self.now_ms),)
        return Answer(self.now_ms, dict.fromkeys(question.arm_values, Counted(row, (Point("bad", 0.0, self.now_ms),))))


async def test_a_quick_source_is_counted_until_there_is_something_to_count() -> None:
    """None and three requests within two looks say nothing of how many there are; the sixty do."""
    source = Dripping()
    found = await measure(spec(), {Slot.A: "a", Slot.B: "b"}, Slot.A, {"source": source}, {"source": 200})
    assert [one.rps for one in found.traffic.values()] == [pytest.approx(2 * 63 / 0.6)]
    assert source.came == [1_000.0]


async def test_forecasts_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """I2, I12: a crowd of them took all threads, and with the interpreter's lock the time of whoever aborts."""
    now, most, real, overlap = 0, 0, foretell, threading.Event()

    def counted(*args: object) -> object:
        nonlocal now, most
        now += 1
        most = max(most, now)
        try:
            overlap.wait(0.01)
            return real(*args)  # type: ignore[arg-type]
        finally:
            now -= 1

    monkeypatch.setattr(foreteller, "foretell", counted)
    asked = spec((9_900,))
    blind = foreteller.Foreteller(lambda _: asked, {"ranker": Away()}, {}, {}, lambda _: {}, Share(500), enforces=True)
    found = await asyncio.gather(*(blind.foretell(asked) for _ in range(20)))
    assert (len(found), most) == (20, 1)

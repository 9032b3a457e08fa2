"""The crash matrix: each crash point of the fault model at each kind of event, in the simulator or on a real file.

``python -m tests.simulation.crash_matrix`` writes the table into docs/safety.md. A cell counts when its point fired
while the kind was being carried out, no checker found anything, and the router equalled the record afterwards.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from rolloutd import hands, loop, loop_edges, proof, transactions, writer
from rolloutd.core import events as ev
from rolloutd.core.commands import Verb
from rolloutd.core.plan import OnFail, Spec, Stage
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import ActorKind, Share
from rolloutd.crashpoints import CrashPoint
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.simulation.plans import draw_spec
from rolloutd.simulation.run import Run
from rolloutd.simulation.scenario import Challenger, Fault, Kind, Request, Scenario, changed, draw
from rolloutd.simulation.stores import Disk, StoreKind, new_disk
from rolloutd.simulation.timewarp import VirtualLoop, run_virtual
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "safety.md"
BEGIN, END = "<!-- made: crash-matrix -->", "<!-- end -->"
TICK_MS = 2_000
KINDS = ("start", "advance", "hold", "resume", "promote", "abort", "recede", "finalize", "override", "adopt-config")
_WITHOUT_WRITE = ("hold", "adopt-config")
POINTS = tuple(list(CrashPoint)[: list(CrashPoint).index(CrashPoint.IN_SHUTDOWN) + 1])
"""Those of a share change. The ones after them, of telling people, are killed at in tests/e2e/test_alertmanager.py."""
LIVE = POINTS[:7]
LOST_REPLY = "lost reply"
ROUTER_POINTS = LIVE[1:5]
_IN_CALLBACKS = (CrashPoint.ROUTER_CALLED, CrashPoint.CALLER_ANSWERED)
Events = Sequence[ev.Event]


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one cell: how often its point fired, and what was wrong (nothing, if it counts)."""

    fired: int
    wrong: str

    @property
    def word(self) -> str:
        """The cell in the table."""
        return "ok" if self.fired and not self.wrong else self.wrong or "did not fire"


def is_kind(kind: str, events: Events, person: bool) -> bool:
    """Whether these events, recorded together, are an instance of the kind."""
    names = {type(event).__name__ for event in events}
    entered = next((event.index for event in events if isinstance(event, ev.StageEntered)), None)
    causes = {event.cause for event in events if isinstance(event, ev.RecedeStarted)}
    return {
        "start": entered == 0,
        "advance": entered is not None and entered > 0 and not person,
        "hold": "RolloutHeld" in names and person,
        "resume": "RolloutResumed" in names and "TrafficWanted" in names,
        "promote": entered is not None and entered > 0 and person,
        "abort": ev.RecedeCause.PERSON in causes,
        "recede": bool(causes) and ev.RecedeCause.PERSON not in causes,
        "finalize": "FinishStarted" in names,
        "override": entered is not None and entered > 0 and person,
        "adopt-config": "PlanAdopted" in names,
    }[kind]


def scenario_of(kind: str) -> Scenario:
    """A quiet run in which the kind happens: three stages, one person at most, no fault but the one that is needed."""
    drawn = draw(7)
    people: tuple[Request, ...] = ()
    faults: tuple[Fault, ...] = ()
    verbs = {"hold": (Verb.PAUSE, False), "promote": (Verb.PROMOTE, False), "abort": (Verb.ABORT, False)}
    verbs |= {"override": (Verb.PROMOTE, True), "adopt-config": (Verb.ADOPT_PLAN, True)}
    if kind in verbs:
        verb, admin = verbs[kind]
        at_ms = (6 if kind == "promote" else 4) * TICK_MS + 1_100
        people = (Request(at_ms, verb, admin, 0, kind in ("hold", "promote"), True),)
    if kind == "resume":
        faults = (Fault(Kind.HAND_LOWERS, TICK_MS + 300, 0, 2_000),)
    return replace(
        drawn,
        spec=_spec(drawn.spec, slow=kind in ("promote", "override")),
        challenger=Challenger.HARMFUL if kind == "recede" else Challenger.HEALTHY,
        harm_from_ms=0,
        champion_rate=0.05,
        harm_rate=0.6,
        requests_per_s=200 if kind in ("promote", "override") else 2_000,
        lease_ms=60_000,
        finest_step_bp=1,
        faults=faults,
        people=people,
        quiet_ms=12 * TICK_MS,
    )


def _spec(spec: Spec, *, slow: bool) -> Spec:
    """The drawn gates on a ladder of three stages."""
    template = next(one for seed in range(100) if len((one := draw_spec(Random(seed))).plan.gates) == 1)
    gate = replace(template.plan.gates[0], every_ms=TICK_MS, max_age_ms=2 * TICK_MS)
    gate = replace(gate, on_fail=OnFail.ROLLBACK, accept=Margin.ratio(1.5 if slow else 4.0))
    shares = (Share(500 if slow else 1_000), Share(3_000), Share(9_000))
    stages = tuple(Stage(f"s{n}", share, 2 * TICK_MS, 100 * TICK_MS, 2) for n, share in enumerate(shares))
    timing = replace(spec.plan.timing, tick_ms=TICK_MS, warm_up_ms=0, window_ticks=2, blind_recede_ticks=8)
    return replace(spec, plan=replace(spec.plan, stages=stages, gates=(gate,), timing=timing))


class Killer(Run):
    """A run whose process dies at one point, the first time that it is passed while the kind is carried out."""

    def __init__(self, kind: str, point: str, virtual: VirtualLoop, disk: Disk) -> None:
        super().__init__(scenario_of(kind), virtual, disk)
        self.kind, self.point = kind, point
        self.under_way = False
        self.fired = 0
        self._died_before = False

    def recording(self, events: Events, person: bool) -> None:
        """The loop is about to record these events."""
        if any(
            isinstance(event, ev.TrafficWanted | ev.RolloutHeld | ev.FinishStarted | ev.PlanAdopted) for event in events
        ):
            self.under_way = is_kind(self.kind, events, person)

    def reach(self, point: str) -> None:
        """What the code calls at each point. A dead process goes no further."""
        if self.under_way and not self.fired and self.life.alive:
            first = CrashPoint.CALLER_ANSWERED if self.kind in _WITHOUT_WRITE else CrashPoint.INTENT_DURABLE
            lost = self.point == LOST_REPLY and point == CrashPoint.ROUTER_CALLED
            if point == self.point or lost:
                self._fire(point)
            elif self.point == CrashPoint.IN_RECONCILE and point == first:
                self._die(point)
        if point == self.point == CrashPoint.IN_RECONCILE and self._died_before and not self.fired:
            self._fire(point)
        if not self.life.alive and point not in _IN_CALLBACKS:
            raise asyncio.CancelledError

    def _die(self, point: str) -> None:
        self._died_before = True
        self.life.die(f"killed at {point}")

    def _fire(self, point: str) -> None:
        self.fired += 1
        if self.point == LOST_REPLY:
            fault = Fault(Kind.REPLY_LOST, self.world.now_ms(), 100)
            self.world.begin(fault)
            self.virtual.call_later(0.1, self.world.end, fault)
        else:
            self.life.die(f"killed at {point}")


@contextmanager
def _reaching(run: Killer) -> Iterator[None]:
    """Let the run hear of every point that its processes pass, and of what they record."""
    inner = loop.Loop._record

    async def record(self: loop.Loop, name: str, events: Events, actor: Any, *more: Any) -> None:  # noqa: ANN401
        run.recording(events, actor.kind is ActorKind.PERSON)
        await inner(self, name, tuple(events), actor, *more)

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(loop.Loop, "_record", record)
        for module in (loop, hands, loop_edges):
            changed.setattr(module, "reach", run.reach)
        yield


def live_cell(kind: str, point: str) -> Cell:
    """One cell on the virtual clock: kill, start again, and go on to the end under all checkers."""

    async def main(virtual: VirtualLoop) -> Cell:
        with new_disk(StoreKind.SQLITE) as disk:
            run = Killer(kind, point, virtual, disk)
            with _reaching(run):
                result = await run.main()
        ledger, shown = run.checkers.ledger, run.world.engine.share
        wrong = result.broken
        if not wrong and ledger.ended != "done" and shown != ledger.wanted:
            wrong = f"the router shows {shown} and the record says {ledger.wanted}"
        return Cell(run.fired, wrong)

    return run_virtual(main)


class Killed(BaseException):
    """The process ends here."""


def file_cell(kind: str, point: str) -> Cell:
    """One cell on a real file: the record up to the kind's event, a kill in a checkpoint or a backup, a new process."""
    book = _until(kind)
    fired = 0

    def pass_by(passed: str) -> None:
        nonlocal fired
        if passed == point:
            fired += 1
            for file in place.glob("journal.db*"):  # the files as a process that dies right here leaves them
                shutil.copy(file, left / file.name)
            if point == CrashPoint.IN_BACKUP:
                raise Killed

    with TemporaryDirectory() as folder:
        place, left = Path(folder, "state"), Path(folder, "left")
        place.mkdir(mode=0o700)
        left.mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(transactions, "reach", pass_by)
            changed.setattr(writer, "CHECKPOINT_PAGES", 1)
            asyncio.run(_written(place / "journal.db", book.journal))
            changed.setattr(proof, "reach", pass_by)
            with suppress(Killed):
                proof.backup(place, Path(folder, "copy"))
        if point == CrashPoint.IN_BACKUP and Path(folder, "copy", "journal.db").exists():
            return Cell(fired, "a backup that was cut short was kept")
        again = asyncio.run(_read(left / "journal.db"))
    if [row.event for row in again] != [row.event for row in book.journal]:
        return Cell(fired, "the record is another one afterwards")
    book.restart()
    book.run(3)
    rollout = book.lane.rollout
    slot = rollout.challenger_slot
    shown = rollout.traffic.wanted if slot is None else book.world.reading().share_of(slot)
    wrong = "" if shown == rollout.traffic.wanted else f"the router shows {shown}, not {rollout.traffic.wanted}"
    return Cell(fired, wrong)


def _until(kind: str) -> Playbook:
    """A rollout on the playbook's world at the moment when the kind's event is durable and nothing came of it yet."""
    rates = {"a": 0.01, "b": 0.3} if kind == "recede" else {"a": 0.01, "b": 0.01}
    book = Playbook(world=World(rates=rates, rps=200 if kind == "promote" else 1_000))
    found: list[Playbook] = []

    def keep(at: Playbook) -> None:
        last, person = at.journal[-1], at.journal[-1].actor.kind is ActorKind.PERSON
        batch = [row.event for row in at.journal if row.at == last.at and row.actor == last.actor][-4:]
        if not found and is_kind(kind, batch, person):
            found.append(at.snapshot())

    book.watch = keep
    if kind == "resume":
        book.run(6)
        book.world.override = Share(20)
        book.run(3)
    book.run(4)
    why: dict[str, Any] = {"reason": "we have seen enough of it"}
    override: dict[str, Any] = {**why, "override": True, "confirm": "ranker-v42"}
    acts: dict[str, Callable[[], object]] = {
        "hold": lambda: book.do(Verb.PAUSE),
        "resume": lambda: book.do(Verb.RESUME, ADMIN, **override),
        "promote": lambda: (book.run(12), book.do(Verb.PROMOTE, OPERATOR, **why)),
        "override": lambda: book.do(Verb.PROMOTE, ADMIN, **override),
        "abort": lambda: book.do(Verb.ABORT, revision=None),
        "adopt-config": lambda: book.do(Verb.ADOPT_PLAN, ADMIN, spec=changed(book.lane.rollout.spec), **why),
    }
    acts.get(kind, lambda: None)()
    for _ in range(3_000):
        if found or not book.lane.rollout.live:
            break
        book.run(1)
    return found[0]


async def _written(path: Path, rows: Sequence[ev.Recorded]) -> None:
    journal = SqliteJournal.open(path)
    for version, row in enumerate(rows):
        await journal.append(row.stream, version, [row.event], at=row.at, actor=row.actor, epoch=row.epoch)
    await journal.close()


async def _read(path: Path) -> list[ev.Recorded]:
    journal = SqliteJournal.open(path)
    report = await journal.verify()
    found = [row async for row in journal.load_all()] if report.intact else []
    await journal.close()
    return found


def absent(kind: str, point: str) -> str:
    """Why this cell cannot exist, or is not covered here; empty for one that is measured."""
    if kind in _WITHOUT_WRITE and point in (*ROUTER_POINTS, LOST_REPLY):
        return "no write"
    if point == CrashPoint.IN_MIGRATION:
        return "one form"
    if point == CrashPoint.IN_SHUTDOWN:
        return "not here"
    return ""


def measure(kind: str, point: str) -> Cell:
    """One cell that exists."""
    on_file = point in (CrashPoint.IN_CHECKPOINT, CrashPoint.IN_BACKUP)
    return file_cell(kind, point) if on_file else live_cell(kind, point)


def table(cells: dict[tuple[str, str], str]) -> str:
    """The matrix as a table of the page."""
    points = [*POINTS, LOST_REPLY]
    lines = [f"| kind | {' | '.join(points)} |", "|---" * (len(points) + 1) + "|"]
    lines += [f"| {kind} | {' | '.join(cells[kind, at] for at in points)} |" for kind in KINDS]
    return "\n".join(lines)


def whole() -> dict[tuple[str, str], str]:
    """Every cell's word."""
    return {
        (kind, point): absent(kind, point) or measure(kind, point).word
        for kind in KINDS
        for point in (*POINTS, LOST_REPLY)
    }


def with_table(page: str, made: str) -> str:
    """The page with this table in its place."""
    head, rest = page.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{made}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(whole())), encoding="utf-8")

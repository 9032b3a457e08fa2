"""Verdicts from evidence of known size: where the lines lie, what blinds, and which gates count (I3, I7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, log

import pytest

from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import BlindReason, GateKind, Unreadable
from rolloutd.core.plan import Gate, OnFail, Plan
from rolloutd.core.ratio import RatioWatch
from rolloutd.core.segments import Focus, Segments
from rolloutd.core.stats.increment import Increment
from rolloutd.core.values import FULL, ZERO, Share
from rolloutd.core.verdict import Judgement, Verdict, judge, rates, sight
from tests.core.playbook import TEMPLATE, a_gate, a_plan
from tests.core.test_shadow import PAIRED, shadowed

LINE, SAFE_LINE = log(1 / 0.01), log(1 / 0.05)
SMALL = Share(100)
GONE = Unreadable(BlindReason.TIMEOUT, "gone")
NOW_MS = 10_000


@dataclass(frozen=True, slots=True)
class Size:
    """Evidence of a known size, in the place of one that was bet for."""

    log_e: float


@dataclass(frozen=True, slots=True)
class Calm:
    """What a gate on drift knows when it has seen enough and no drift."""

    quiet: bool = True
    progress: float = 0.7
    harm_log_e: float = 0.0


@dataclass(frozen=True, slots=True)
class Alone:
    """Harm over all segments, and the one that shows it alone."""

    alone: str | None
    log_e: float


@dataclass(frozen=True, slots=True)
class InSegments:
    """What a gate knows of each segment."""

    harm: Alone


def gate(metric: str = "errors", **changes: object) -> Gate:
    """A gate without a limit."""
    return a_gate(**{"metric": metric, "limit": None, **changes})


def plan(*gates: Gate) -> Plan:
    """A plan with these gates, alpha .01 and beta .05."""
    return a_plan(gates=gates or (gate(),))


def known(
    of: Gate,
    harm: float = 0.0,
    safe: float = 0.0,
    limit: float | None = None,
    both: float | None = None,
    **more: object,
) -> GateEvidence:
    """What this gate knows, seen just now."""
    usual: dict[str, object] = {
        "harm": Size(harm),
        "safe": Size(safe),
        "limit": None if limit is None else Size(limit),
        "champion_limit": None if both is None else Size(both),
        "blind": None,
        "fresh_at_ms": NOW_MS,
        "ratio": None,
        "jump": None,
    }
    return replace(GateEvidence.start(plan(), of), **{**usual, **more})  # type: ignore[arg-type]


def judged(*evidence: tuple[Gate, GateEvidence], share: Share = SMALL, now_ms: int = NOW_MS) -> Judgement:
    """The judgement of a plan with these gates."""
    gates = tuple(one for one, _ in evidence)
    return judge(plan(*gates), {one.metric: what for one, what in evidence}, now_ms, share=share)


def one(of: Gate, **sizes: float | None) -> Verdict:
    """The verdict of a plan with this gate alone."""
    return judged((of, known(of, **sizes))).gates[0].verdict  # type: ignore[arg-type]


def test_the_words_of_verdicts_are_those_on_disk_and_wire() -> None:
    """The journal and the interface speak them."""
    assert [verdict.value for verdict in Verdict] == ["pass", "fail", "collecting", "blind", "not-checked", "quiet"]


def test_safety_is_shown_at_its_line_and_not_before() -> None:
    """log 1/beta exactly."""
    assert one(gate(), safe=SAFE_LINE) is Verdict.PASS
    assert one(gate(), safe=SAFE_LINE + 1) is Verdict.PASS
    assert one(gate(), safe=SAFE_LINE - 1e-9) is Verdict.COLLECTING
    assert one(gate()) is Verdict.COLLECTING


def test_harm_is_shown_at_its_line_and_not_before() -> None:
    """log 1/alpha exactly, whatever speaks for safety."""
    found = judged((gate(), known(gate(), harm=LINE, safe=50)))
    assert found.gates[0].verdict is Verdict.FAIL
    assert found.fired is found.gates[0]
    assert found.log_e_harm == pytest.approx(LINE)
    short = judged((gate(), known(gate(), harm=LINE - 1e-6)))
    assert short.fired is None
    assert one(gate(), harm=LINE + 5) is Verdict.FAIL


def test_alpha_is_spent_once_for_all_gates_and_the_worst_one_is_named() -> None:
    """Two gates of weight one: each carries half of the harm evidence."""
    a, b = gate("a"), gate("b")
    half = judged((a, known(a, harm=LINE)), (b, known(b, harm=-50)))
    assert half.fired is None
    assert half.log_e_harm == pytest.approx(LINE - log(2))
    found = judged((a, known(a, harm=0)), (b, known(b, harm=LINE + log(2))))
    assert found.fired is found.gates[1]
    assert [one.verdict for one in found.gates] == [Verdict.COLLECTING, Verdict.FAIL]
    assert found.gates[1].log_e_harm == pytest.approx(LINE)
    together = judged((a, known(a, harm=LINE + 0.1)), (b, known(b, harm=LINE)))
    assert together.fired is together.gates[0]
    assert [one.verdict for one in together.gates] == [Verdict.FAIL, Verdict.COLLECTING]
    assert together.log_e_harm > LINE


def test_weights_count_as_the_plan_says() -> None:
    """Three to one."""
    a, b = gate("a", weight=3.0), gate("b")
    found = judged((a, known(a, harm=LINE)), (b, known(b, harm=-50)))
    assert found.gates[0].log_e_harm == pytest.approx(LINE + log(3 / 4))
    assert found.gates[1].log_e_harm == pytest.approx(-50 + log(1 / 4))


def test_a_gate_that_only_observes_says_so_and_stops_nothing() -> None:
    """It fails by its own evidence, undiluted, at the line; it does not fire, block or count as blind."""
    a, b = gate("a"), gate("b", on_fail=OnFail.OBSERVE)
    found = judged((a, known(a, safe=SAFE_LINE)), (b, known(b, harm=LINE)))
    assert [one.verdict for one in found.gates] == [Verdict.PASS, Verdict.FAIL]
    assert found.gates[1].log_e_harm == pytest.approx(LINE)
    assert found.fired is None
    assert found.undecided == found.blind == ()
    assert found.all_pass
    assert found.log_e_harm == pytest.approx(0.0)
    assert judged((a, known(a)), (b, known(b, harm=LINE - 1e-9))).gates[1].verdict is Verdict.COLLECTING
    unseen = judged((a, known(a, safe=SAFE_LINE)), (b, known(b, blind=GONE)))
    assert unseen.blind == ()
    assert unseen.all_pass


def test_what_others_must_prove_an_observing_gate_need_not() -> None:
    """A gate that matters is in its list, one that observes is not."""
    a, b = gate("a"), gate("b", on_fail=OnFail.HOLD)
    found = judged((a, known(a, blind=GONE)), (b, known(b, harm=LINE + log(2) + 1)))
    assert found.blind == (found.gates[0],)
    assert found.undecided == found.gates
    assert not found.all_pass


def test_blindness_is_no_pass_whatever_was_known() -> None:
    """I3: evidence of safety does not outlive sight; evidence of harm does."""
    was_safe = judged((gate(), known(gate(), safe=50, blind=GONE)))
    assert was_safe.gates[0].verdict is Verdict.BLIND
    assert was_safe.gates[0].blind == GONE
    assert not was_safe.all_pass
    was_bad = judged((gate(), known(gate(), harm=LINE, blind=GONE)))
    assert was_bad.gates[0].verdict is Verdict.FAIL
    assert was_bad.blind == was_bad.gates


def test_a_gate_without_evidence_is_blind_since_somebody_looks() -> None:
    """Never read: not for longer than this process looks."""
    found = judge(plan(), {}, NOW_MS, share=Share(100), watching_from_ms=4_000)
    assert found.gates[0].verdict is Verdict.BLIND
    assert (found.gates[0].log_e_harm, found.gates[0].log_e_safe) == (-inf, 0.0)
    assert found.gates[0].blind == Unreadable(BlindReason.NEVER_READ, "no answer yet")
    assert found.gates[0].blind_for_ms == 6_000
    assert found.gates[0].over_limit is False
    assert found.log_e_harm == -inf
    assert sight(gate(), None, 1_000, 5_000)[1] == 0
    assert judge(plan(), {}, NOW_MS, share=Share(100)).gates[0].blind_for_ms == NOW_MS


def test_a_source_that_is_silent_for_too_long_blinds() -> None:
    """Longer than three cadences and the greatest age: 3 x 1 s + 2 s here."""
    at_limit = known(gate(), fresh_at_ms=NOW_MS - 5_000)
    assert sight(gate(), at_limit, NOW_MS, 0) == (None, 0)
    silent, for_ms = sight(gate(), at_limit, NOW_MS + 1, 0)
    assert silent == Unreadable(BlindReason.TIMEOUT, "the source has not answered for 5 s")
    assert for_ms == 5_001
    assert sight(gate(), at_limit, NOW_MS + 2_600, 0)[0] == Unreadable(
        BlindReason.TIMEOUT, "the source has not answered for 8 s"
    )


def test_silence_counts_only_while_somebody_looks() -> None:
    """I8: what this process did not watch was not blind for that long."""
    old = known(gate(), fresh_at_ms=0)
    assert sight(gate(), old, NOW_MS, NOW_MS - 5_000) == (None, 0)
    assert sight(gate(), old, NOW_MS, NOW_MS - 5_001)[1] == 5_001
    blinded = known(gate(), fresh_at_ms=2_000, blind=GONE)
    assert sight(gate(), blinded, NOW_MS, 0) == (GONE, 8_000)
    assert sight(gate(), blinded, NOW_MS, 9_000) == (GONE, 1_000)
    never_fresh = known(gate(), fresh_at_ms=None, blind=GONE)
    assert sight(gate(), never_fresh, NOW_MS, 7_000) == (GONE, 3_000)
    assert sight(gate(), known(gate(), fresh_at_ms=None), NOW_MS, 7_000) == (None, 0)


def test_without_a_champion_nothing_is_compared() -> None:
    """At full share a gate without harm is not checked, and not in the way; blind or bad it still counts."""
    assert judged((gate(), known(gate(), safe=50)), share=FULL).gates[0].verdict is Verdict.NOT_CHECKED
    assert judged((gate(), known(gate())), share=FULL).all_pass
    assert judged((gate(), known(gate(), blind=GONE)), share=FULL).gates[0].verdict is Verdict.BLIND
    assert judged((gate(), known(gate(), harm=LINE)), share=FULL).gates[0].verdict is Verdict.FAIL
    assert judged((gate(), known(gate(), safe=50)), share=Share(9_999)).gates[0].verdict is Verdict.PASS


def test_a_limit_takes_half_of_the_harm_evidence() -> None:
    """And is over at its own line."""
    of = gate(limit=0.2)
    found = judged((of, known(of, harm=0.0, limit=LINE + 3, both=0.0)))
    assert found.gates[0].log_e_harm == pytest.approx(log(0.5 + 0.5 * exp(LINE + 3)))
    assert found.fired is found.gates[0]
    assert found.gates[0].over_limit
    assert found.both_over_limit is None
    at_line = judged((of, known(of, limit=LINE, both=0.0)))
    assert at_line.gates[0].over_limit
    assert not judged((of, known(of, limit=LINE - 1e-9, both=0.0))).gates[0].over_limit
    relative = judged((of, known(of, harm=LINE + 1, limit=-inf, both=0.0)))
    assert relative.gates[0].log_e_harm == pytest.approx(LINE + 1 - log(2))
    assert not judged((gate(), known(gate(), harm=50))).gates[0].over_limit


def test_both_over_the_limit_excuses_the_challenger_from_the_limit_alone() -> None:
    """An outside trouble is named; harm relative to the champion still counts."""
    of = gate(limit=0.2)
    both = judged((of, known(of, limit=LINE, both=LINE)))
    assert both.both_over_limit == "errors"
    assert both.gates[0].log_e_harm == pytest.approx(-log(2))
    assert both.fired is None
    for limit, champion in ((LINE - 1e-9, LINE), (LINE, LINE - 1e-9), (None, LINE), (LINE, None)):
        assert judged((of, known(of, limit=limit, both=champion))).both_over_limit is None
    worse = judged((of, known(of, harm=LINE + 1, limit=50, both=50)))
    assert worse.fired is not None


def test_one_excused_gate_does_not_excuse_the_others() -> None:
    """Each limit by itself."""
    a, b = gate("a", limit=0.2), gate("b", limit=0.2)
    found = judged((a, known(a, limit=LINE, both=LINE)), (b, known(b, limit=LINE + 3, both=0.0)))
    assert found.both_over_limit == "a"
    assert found.fired is found.gates[1]


def test_progress_is_the_part_of_the_way_to_the_line() -> None:
    """From 0 to 1 on the log scale, for both bars."""
    found = judged((gate(), known(gate(), harm=LINE / 2, safe=SAFE_LINE / 4))).gates[0]
    assert found.harm_progress == pytest.approx(0.5)
    assert found.safe_progress == pytest.approx(0.25)
    over = judged((gate(), known(gate(), harm=LINE * 2, safe=SAFE_LINE * 2))).gates[0]
    assert (over.harm_progress, over.safe_progress) == (1.0, 1.0)
    under = judged((gate(), known(gate(), harm=-3, safe=-inf))).gates[0]
    assert (under.harm_progress, under.safe_progress) == (0.0, 0.0)
    barely = judged((gate(), known(gate(), harm=LINE / 100))).gates[0]
    assert barely.harm_progress == pytest.approx(0.01)


def test_a_judgement_of_gates_that_all_pass() -> None:
    """Every gate that matters, and all of them."""
    a, b = gate("a"), gate("b")
    assert judged((a, known(a, safe=9)), (b, known(b, safe=9))).all_pass
    assert not judged((a, known(a, safe=9)), (b, known(b))).all_pass


def test_rates_for_words() -> None:
    """No requests, no rate."""
    assert rates(4, 1) == 0.25
    assert rates(0, 0) is None


def test_of_several_that_show_harm_by_themselves_none_is_said_to_pass() -> None:
    """I3: one fires; another that is over the line alone shows harm too, whatever it showed of safety on this stage."""
    a, b, c = gate("a"), gate("b"), gate("c")
    over = LINE + log(3)
    found = judged((a, known(a, harm=over + 1)), (b, known(b, harm=over, safe=50)), (c, known(c, harm=over - 1e-6)))
    assert [one.verdict for one in found.gates] == [Verdict.FAIL, Verdict.FAIL, Verdict.COLLECTING]
    assert found.fired is found.gates[0]
    assert found.gates[0].segment == ""


def test_a_gate_that_holds_hides_none_that_goes_back() -> None:
    """I2's sister: the larger harm of a gate that only holds keeps nobody on a version that another gate takes back."""
    holds, back = gate("holds", on_fail=OnFail.HOLD), gate("back")
    for harm, fired in ((LINE + log(2), 1), (LINE + log(2) - 1e-6, 0)):
        found = judged((holds, known(holds, harm=50)), (back, known(back, harm=harm)))
        assert found.fired is found.gates[fired]
    worse = judged((holds, known(holds, harm=LINE + 0.5)), (back, known(back, harm=LINE)))
    assert worse.fired is worse.gates[0]
    other = gate("other")
    both = judged((back, known(back, harm=LINE + 1)), (other, known(other, harm=LINE + 2)))
    assert both.fired is both.gates[1]


REGIONS = Segments("x-region", "region", ("eu", "us"))
EU = Focus(SMALL, ("eu",), whole=False)


def in_eu(of: Gate, **more: object) -> Judgement:
    """The judgement where only one segment compares champion and challenger."""
    seen = {of.metric: known(of, **more)}  # type: ignore[arg-type]
    return judge(a_plan(gates=(of,), segments=REGIONS), seen, NOW_MS, share=SMALL, focus=EU)


def test_where_the_users_differ_only_a_gate_that_tells_them_apart_shows_safety() -> None:
    """I3: outside of its segments a gate compares unlike users; that is neither a pass nor quiet, and no split."""
    plain, told = gate(), gate(by="region")
    assert in_eu(plain, safe=50).gates[0].verdict is Verdict.COLLECTING
    assert in_eu(told, safe=50).gates[0].verdict is Verdict.PASS
    calm = Calm()
    assert in_eu(plain, drift=calm).gates[0].verdict is Verdict.COLLECTING
    assert in_eu(told, drift=calm).gates[0].verdict is Verdict.QUIET
    assert in_eu(told, drift=Calm(quiet=False)).gates[0].verdict is Verdict.COLLECTING
    assert in_eu(told, drift=calm).gates[0].safe_progress == 0.7
    assert in_eu(told, drift=calm).all_pass
    watch = RatioWatch.start(3)
    assert in_eu(plain, ratio=watch).split is None
    by = GateEvidence.start(a_plan(gates=(told,), segments=REGIONS), told).by
    assert in_eu(told, ratio=watch, by=by).split is not None
    assert judged((plain, known(plain, ratio=watch))).split is not None


def test_the_segment_that_shows_the_harm_alone_is_named() -> None:
    """For people: in whom it shows."""
    of = gate(by="region")
    apart = InSegments(Alone("eu", LINE))
    assert in_eu(of, by=apart).gates[0].segment == "eu"
    assert in_eu(of, by=apart).gates[0].verdict is Verdict.FAIL
    assert in_eu(of, by=InSegments(Alone(None, LINE))).gates[0].segment == ""


def test_a_split_is_one_of_requests_unless_users_stick() -> None:
    """Of users who stay where they are fewer tell, so more counts as this share."""
    seen = {"errors": known(gate(), ratio=RatioWatch.start(3))}
    of_requests = judge(plan(), seen, NOW_MS, share=SMALL).split
    of_users = judge(plan(), seen, NOW_MS, share=SMALL, sticky=True).split
    assert of_requests is not None
    assert of_users is not None
    assert of_users.hi > of_requests.hi


def test_what_the_plan_gives_nothing_to_see_is_not_checked_and_not_blind() -> None:
    """Pairs without a mirror, drift while requests are mirrored; with one, pairs pass whoever the users are."""
    of, elsewhere = shadowed(PAIRED), replace(EU, share=ZERO)
    seen = {"paired": known(PAIRED, stage_sum=Increment(5_000, 10, 5_000, 10), blind=GONE)}
    alone = judge(of, seen, NOW_MS, share=ZERO).gates[1]
    assert (alone.verdict, alone.blind, alone.blind_for_ms) == (Verdict.NOT_CHECKED, None, 0)
    seen = {"paired": replace(seen["paired"], blind=None)}
    assert judge(of, seen, NOW_MS, share=ZERO, focus=elsewhere, mirror=FULL).gates[1].verdict is Verdict.PASS
    template = replace(TEMPLATE, kind=GateKind.DRIFT, classes=("a",), class_label="c")
    drift = replace(gate("drift"), template=template, psi=0.1)
    seen = {"drift": known(drift, drift=Calm(), blind=GONE)}
    beside = judge(plan(gate(), drift), seen, NOW_MS, share=SMALL, mirror=FULL).gates[1]
    assert (beside.verdict, beside.blind, beside.blind_for_ms) == (Verdict.NOT_CHECKED, None, 0)
    assert judge(plan(gate(), drift), seen, NOW_MS, share=SMALL).gates[1].verdict is Verdict.BLIND

"""How each rule says no: the reason and the way on, by the layer that refuses; it asserts nothing itself."""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.analysis import recommend
from rolloutd.core.blockers import blockers
from rolloutd.core.checks import Check, CheckKind
from rolloutd.core.commands import Refused, Start, Verb
from rolloutd.core.decide import Accepted, decide_start
from rolloutd.core.forecast.rule import Decision, rule
from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.observed import SlotHealth, SlotSeen
from rolloutd.core.phases import Phase
from rolloutd.core.rules import FREE, Rules
from rolloutd.core.values import ZERO, Actor, Share, Slot
from rolloutd.settings import SettingsError, read_spec
from tests.core.pictures import NOW_MS, rollout, seen
from tests.core.playbook import ADMIN, OPERATOR, Playbook, a_plan, a_spec
from tests.core.test_decide import NAME, ask
from tests.core.test_most_live import live
from tests.core.test_revival import revive
from tests.core.test_staffed import unstaffed
from tests.rehearsal.plans import spec as a_slow_spec
from tests.settings.words import CONFIG, SPEC, config

No = tuple[str, str]
"""Why, and what to do."""
WHY = "it really must go up"


def said(refused: object) -> No:
    """Of a refusal; anything else is no refusal."""
    assert isinstance(refused, Refused), refused
    return refused.message, refused.next_step


def at_start(rules: Rules = FREE, others: int = 0, **changes: object) -> No:
    """Beginning, with so many live rollouts elsewhere."""
    spec = replace(a_spec(), **changes)  # type: ignore[arg-type] # fields of Spec
    return said(decide_start(Start(spec, OPERATOR), live(others), (), rules))


def beside(**changes: object) -> No:
    """Beginning beside a live ranker-v42."""
    spec = replace(a_spec(), name="other", **changes)  # type: ignore[arg-type] # fields of Spec
    return said(decide_start(Start(spec, OPERATOR), [Playbook().run(5).lane.rollout]))


def in_file(text: str, policy: str = "") -> No:
    """Reading a rollout's file by a configuration with these lines in its policy."""
    settings = config(CONFIG.replace("[policy]\n", f"[policy]\n{policy}"))
    try:
        read_spec(SPEC + text, "ranker.toml", settings)
    except SettingsError as error:
        return error.what, error.next_step
    raise AssertionError("the file was taken")


def going_up(**world: object) -> No:
    """An admin's promotion in the full form of an override, in a world that is otherwise fine."""
    of = rollout()
    more = {"override": True, "confirm": NAME, "reason": WHY}
    return said(ask(of, Verb.PROMOTE, ADMIN, world=seen(of, **world), **more))  # type: ignore[arg-type]


def dead_champion() -> No:
    """The champion's server does not answer."""
    slots = tuple((slot, SlotSeen(SlotHealth(slot is Slot.B, None, "no answer"), NOW_MS)) for slot in Slot)
    return going_up(slots=slots)


def doing(book: Playbook, verb: Verb, actor: Actor = ADMIN, **more: object) -> No:
    """One verb on a rollout."""
    return said(book.do(verb, actor, **more))


def young(*shares: str) -> Playbook:
    """A rollout whose first stage's minimum time is not over."""
    return Playbook(a_spec(a_plan(*shares))).run(3)


def own_second_person() -> No:
    """From half of the traffic on nobody approves his own override."""
    book = young("10%", "50%", "90%")
    asked = book.do(Verb.PROMOTE, ADMIN, override=True, confirm=book.spec.name, reason=WHY)
    assert isinstance(asked, Accepted)
    return doing(book, Verb.APPROVE, ADMIN)


def of_a_major_change() -> Playbook:
    """A major rollout at its first 1%, with an override to 10% that one admin asked for."""
    book = Playbook(a_spec(a_plan("1%", "10%", "90%", second_person_from=ZERO))).run(3)
    asked = book.do(Verb.PROMOTE, ADMIN, override=True, confirm=book.spec.name, reason=WHY)
    assert isinstance(asked, Accepted)
    assert book.shares() == ["1%"]
    return book


def own_second_person_of_a_major_one() -> No:
    """However small the share, where the policy says so of major changes."""
    return doing(of_a_major_change(), Verb.APPROVE, ADMIN)


def low_traffic() -> No:
    """The rule's sentence holds both: the numbers, and what would do."""
    plan = a_slow_spec((100, 1_000, 9_900)).plan
    found = rule(plan, {"errors": MetricTraffic(1.0, 0.01)}, Share(500))
    assert found.decision is Decision.REFUSED
    why, _, way_on = found.sentence.partition("For so little traffic")
    return why, way_on


def no_deadline() -> No:
    """Asked to go faster, the recommendation is the same and says what would go unseen."""
    given = {"rps": 300.0, "wrong": "cheap"}
    slow, fast = recommend(given), recommend(given, 0.5)
    assert {**fast, "faster": None} == slow
    return f"unseen up to {fast['faster']}", str(fast["strategy"])


def lost_turn() -> No:
    """What it comes after went back, after it was requested."""
    book = Playbook(replace(a_spec(), after=("ranker-eu-v42",)))
    book.lane = replace(book.lane, seen=replace(book.lane.seen, earlier={"ranker-eu-v42": Phase.ROLLED_BACK}))
    book.run(2)
    assert (book.phase, book.shares()) == ("refused", [])
    return book.lane.rollout.refusals[0], "rollout list"


def own_check() -> No:
    """A yes before any traffic, by who asked for the rollout."""
    check = Check("sign-off", CheckKind.APPROVAL)
    book = Playbook(replace(a_spec(), checks=(check,))).run(3)
    assert book.shares() == []
    return doing(book, Verb.APPROVE, OPERATOR)


def by_night() -> No:
    """The daemon by itself, while nobody is there; whoever is there all the same goes up."""
    book = unstaffed(Playbook().run(12)).run(900)
    assert book.shares() == ["1%"]
    now_ms = book.now.clock_ms
    (against,) = blockers(book.lane.rollout, book.lane.picture(now_ms), now_ms)
    done = book.do(Verb.PROMOTE, OPERATOR)
    assert isinstance(done, Accepted)
    return against.sentence, done.message


def reopened(rules: Rules, others: int = 0) -> No:
    """Taking up again what was aborted."""
    book = Playbook().run(5)
    book.do(Verb.ABORT)
    free = replace(book.fresh_seen(), rules=rules)
    book.fresh_seen = lambda: free  # type: ignore[method-assign]
    return said(revive(book, Verb.REOPEN, others=live(others)))

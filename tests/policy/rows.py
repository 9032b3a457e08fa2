"""The rows themselves. What a row is stands in table.py; what holds of all of them in test_every_rule.py."""

from __future__ import annotations

from rolloutd.core.commands import Verb
from rolloutd.core.metrics import BlindReason
from rolloutd.core.plan import OnFail
from rolloutd.core.values import Share, Slot
from tests.core import test_whole_day
from tests.core.playbook import OPERATOR, Playbook, World, a_gate, a_plan, a_spec
from tests.policy import refusals as no
from tests.policy import table as t
from tests.policy.table import Row
from tests.settings.test_spec import REASON, STAGES

RULES = (
    Row(
        "freeze",
        ("freeze", "frozen"),
        (lambda: no.at_start(t.FROZEN), lambda: no.going_up(rules=t.FROZEN), lambda: no.reopened(t.FROZEN)),
        t.UNTIL, "Wait for its end", t.ruled(t.FROZEN), page="freeze",
    ),
    Row(
        "fleet hold",
        ("fleet_hold", "policy"),
        (lambda: no.at_start(t.HELD), lambda: no.going_up(rules=t.HELD), lambda: no.reopened(t.HELD)),
        "held by ops2: sale", "rollout hold --release", t.ruled(t.HELD), page="fleet hold",
    ),
    Row(
        "most at once", ("max_concurrent", "limits", "live"),
        (lambda: no.at_start(t.MOST, 1), lambda: no.reopened(t.MOST, 1)),
        "max_concurrent is 1", "the oldest is other-0", t.ruled(t.MOST), page="most at once",
    ),
    Row(
        "most of a team", ("max_concurrent_team", "team", "team_of"), (lambda: no.at_start(t.TEAM, 1),),
        "max_concurrent_team is 1", "the oldest is other-0", t.ruled(t.TEAM), page="most at once",
    ),
    Row(
        "most behind a router", ("max_concurrent_router", "router_of"), (lambda: no.at_start(t.ROUTER, 1),),
        "max_concurrent_router is 1", "the oldest is other-0", t.ruled(t.ROUTER), page="most at once",
    ),
    Row(
        "one a route", ("route",), (lambda: no.beside(model="other"),),
        "is a live rollout on route ranker", "rollout abort ranker-v42", t.running(), page="one a route, one a model",
    ),
    Row(
        "one a model", ("model",), (lambda: no.beside(route="other"),),
        "is a live rollout on model ranker", "rollout abort ranker-v42", t.running(), page="one a route, one a model",
    ),
    Row(
        "order", ("after",), (lambda: no.at_start(after=("nobody",)), no.lost_turn),
        "it comes after", "rollout list", t.waiting, page="order",
    ),
    Row(
        "standard or a reason", ("default_strategy",),
        (lambda: no.in_file(STAGES), lambda: no.in_file('strategy = "blue-green"\n')),
        "needs a reason. It goes into the record", t.FILE, t.running(), page="standard strategy",
    ),
    Row(
        "minimum time", ("min_time_ms", "allow_short_times", "min-time"),
        (lambda: no.in_file(REASON + STAGES.replace('"1h"', '"5m"')),),
        "is under the policy's min_time of 15m", t.FILE, no.young, page="minimum dwell",
    ),
    Row(
        "minimum time under way", ("min-ticks",),
        (lambda: no.doing(no.young(), Verb.PROMOTE), lambda: no.doing(no.young(), Verb.PROMOTE, OPERATOR)),
        "is refused by: ", "--override --confirm ranker-v42", no.young, page="minimum dwell",
    ),
    Row(
        "a full day", ("full-day",), (lambda: no.doing(test_whole_day.begun(), Verb.PROMOTE),),
        "a full day is due", "--override --confirm ranker-v42", test_whole_day.begun, page="minimum dwell",
    ),
    Row(
        "staffed hours", ("staffed", "unstaffed"), (no.by_night,),
        "nobody is there to see it go up", "goes up", t.ruled(t.NIGHT), page="staffed hours",
    ),
    Row(
        "minimum ticks", ("min_ticks",),
        (lambda: no.in_file(REASON + STAGES.replace('"watch"', '"watch"\nmin_ticks = 3')),),
        "is under the policy's min_ticks of 30", t.FILE, no.young, page="minimum dwell",
    ),
    Row(
        "careful clocks", ("warm_up_ms",), (lambda: no.in_file('[timing]\nwarm_up = "1m"\n'),),
        "under the policy's 5m", t.FILE, t.running(), page="careful clocks",
    ),
    Row(
        "observation window", ("window_ticks", "observation-window"),
        (lambda: no.in_file("[timing]\nwindow_ticks = 3\n"),),
        "under the policy's 5m", t.FILE, t.running(), page="careful clocks",
    ),
    Row(
        "waiting in the dark", ("blind_hold_ticks", "blind_recede_ticks", "gate-blind"),
        (lambda: no.in_file("[timing]\nblind_recede = 21\n"),),
        "the policy's blind_recede of 20 ticks", t.FILE, t.of_world(blind={"b": BlindReason.NO_SERIES}),
        page="careful clocks",
    ),
    Row(
        "little traffic", ("low_traffic", "max_first_share"), (no.low_traffic,),
        "the first stage needs", "wider margins after a shadow", t.running(), page="little traffic",
    ),
    Row(
        "a deadline is no input", ("alpha", "beta"), (no.no_deadline,),
        "unseen", "standard", t.running(), page="no deadline",
    ),
    Row(
        "the policy's gates", ("gates", "errors", "latency", "gate-fail", "gate-collecting"),
        (lambda: no.in_file('[[gate]]\nmetric = "errors"\non_fail = "observe"\n'),),
        "cannot only be observed", t.FILE,
        lambda: Playbook(a_spec(a_plan(gates=(a_gate(on_fail=OnFail.HOLD, limit=None),))), World(
            rates={"a": 0.01, "b": 0.2})).until("held", 200),
        page="gates of the policy",
    ),
    Row(
        "a holdback to compare with", ("holdback",), (lambda: no.in_file(REASON + STAGES + 'holdback = "0%"\n'),),
        "at least one gate needs a limit", t.FILE, t.running(), page="gates of the policy",
    ),
    Row(
        "checks before traffic", ("checks", "major_checks", "approval"), (no.own_check,),
        "wants another person's yes", "Ask somebody else for: rollout approve", t.unapproved, page="checks",
    ),
    Row(
        "two people", ("second_person", "second_person_from"), (no.own_second_person,),
        "This is your own request", "Ask another admin", t.asked_for, page="two people",
    ),
    Row(
        "two people for a major change", ("major_second_person_from",), (no.own_second_person_of_a_major_one,),
        "an override to 0% or more needs a second person", "Ask another admin", t.asked_for_a_major_one,
        page="two people",
    ),
    Row(
        "a change only by command", ("revision", "held"),
        (lambda: no.doing(Playbook().run(5), Verb.PROMOTE, revision=2),),
        "changed since revision 2", "Look again: rollout status", t.held, page="a running plan",
    ),
    Row(
        "the champion is up", ("champion", "challenger"), (no.dead_champion,),
        "the champion is not known to be up", "This cannot be overridden", t.of_world(up={Slot.A: False, Slot.B: True}),
        page="the way back",
    ),
    Row(
        "the router agrees", ("router",), (lambda: no.going_up(route_error="refused"),),
        "the router does not agree", "This cannot be overridden", t.of_world(override=Share(50)), page="the way back",
    ),
    Row(
        "a journal that is whole", ("may_raise",),
        (lambda: no.going_up(may_raise=False, why_not_raise="the journal is damaged"),),
        "the journal is damaged", "This cannot be overridden", t.unverified, page="the way back",
    ),
)  # fmt: skip

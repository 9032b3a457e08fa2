"""What the policy says of beginning and going up at this moment: a hold, a freeze, how many may be live. Pure.

None of it ever stands against going back: whatever lowers asks none of these questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rolloutd.core.commands import RefusalCode, Refused
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Spec
from rolloutd.core.state import Rollout


@dataclass(frozen=True, slots=True)
class Limits:
    """How many rollouts may be live at once, 0 for any number: in all, in one team, behind one router.

    ``team_of`` and ``router_of`` are by route; a route that neither knows is counted in all only.
    """

    live: int = 0
    team: int = 0
    router: int = 0
    team_of: Mapping[str, str] = field(default_factory=dict)
    router_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy now. ``fleet_hold`` is by whom and why the fleet is held, ``frozen`` until when nothing goes up.

    ``unstaffed`` is until when nobody is there: the daemon raises nothing by itself, whoever comes may promote.
    """

    fleet_hold: str = ""
    frozen: str = ""
    unstaffed: str = ""
    limits: Limits = field(default_factory=Limits)


FREE = Rules()


def standing_still(rules: Rules) -> Refused | None:
    """Why nothing begins now, whatever it is: the fleet is held, or this is a freeze."""
    if rules.fleet_hold:
        message = f"The fleet is held {rules.fleet_hold}."
        return Refused(RefusalCode.GATE, message, "Wait, or ask whoever holds it: rollout hold --release")
    if rules.frozen:
        message = f"The policy's freeze lasts {rules.frozen}. Nothing begins or goes up; going back works as ever."
        return Refused(
            RefusalCode.GATE, message, "Wait for its end; the windows are [policy.freeze] of the configuration"
        )
    return None


def too_many(live: Iterable[Rollout], limits: Limits, spec: Spec) -> Refused | None:
    """The policy's limits of live rollouts, before one more begins. They stop nothing that has begun."""
    others = [other for other in live if other.live and other.name != spec.name]
    team, router = limits.team_of.get(spec.route, ""), limits.router_of.get(spec.route, "")
    same_team = [other for other in others if team and limits.team_of.get(other.spec.route) == team]
    same_router = [other for other in others if router and limits.router_of.get(other.spec.route) == router]
    for most, counted, where, key in (
        (limits.live, others, "", "max_concurrent"),
        (limits.team, same_team, f" in team {team}", "max_concurrent_team"),
        (limits.router, same_router, f" behind router {router}", "max_concurrent_router"),
    ):
        if most and len(counted) >= most:
            oldest = min(counted, key=lambda other: other.requested_at.clock_ms)
            are = "rollout is" if len(counted) == 1 else "rollouts are"
            message = f"{len(counted)} {are} live{where}, and the policy's {key} is {most}; {spec.name} does not begin."
            return Refused(
                RefusalCode.GATE, message, f"Wait for one to end (the oldest is {oldest.name}): rollout list"
            )
    return None


Earlier = Mapping[str, Phase]
"""The phases of the rollouts that one waits for, by name; a name that is not in it is no rollout's."""


def awaited(spec: Spec, earlier: Earlier) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the rollouts that this one comes after: sentences about what is still to come, and about what never will."""
    waiting, lost = [], []
    for name in spec.after:
        phase = earlier.get(name)
        if phase is None:
            lost.append(f"it comes after {name}, and there is no rollout of that name")
        elif phase in (Phase.ABORTED, Phase.ROLLED_BACK, Phase.REFUSED):
            lost.append(f"it comes after {name}, which ended {phase.value.replace('_', ' ')}")
        elif phase is not Phase.DONE:
            waiting.append(f"it comes after {name}, which is {phase.value}")
    return tuple(waiting), tuple(lost)


def comes_after_nothing(spec: Spec, everybody: Iterable[Rollout]) -> Refused | None:
    """A rollout that waits for what will never be done does not begin."""
    _, lost = awaited(spec, {other.name: other.phase for other in everybody})
    if not lost:
        return None
    message = f"{spec.name} does not begin: {'; '.join(lost)}."
    return Refused(
        RefusalCode.GATE, message, "Correct after = [...] in its file, or roll that one out first: rollout list"
    )

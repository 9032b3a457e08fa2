"""A changed plan for a running rollout: what may change while it runs, and what the rollout is after it. Pure.

The stages that are still to come may change, and the clocks of the present one. What evidence is judged by (gates,
error rates, tick, segments) stays as it began: whoever changes a test while looking at it no longer knows what it says.
"""

from __future__ import annotations

from dataclasses import fields, replace

from rolloutd.core import events as ev
from rolloutd.core import overrides
from rolloutd.core.commands import Act, RefusalCode, Refused
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Plan, Spec, Stage
from rolloutd.core.state import Rollout

WHILE = (Phase.RUNNING, Phase.HELD, Phase.ASKING, Phase.WATCHING)
_FREE_OF_SPEC = frozenset({"plan", "reason"})
_FREE_OF_PLAN = frozenset({"stages", "strategy"})
_FREE_OF_STAGE = frozenset({"min_time_ms", "max_time_ms", "min_ticks", "on_undecided", "approval", "full_day"})


def adopt(rollout: Rollout, command: Act) -> tuple[tuple[ev.Event, ...], str] | Refused:
    """The events of this change with a sentence about it, or why it is not in order."""
    name, spec = rollout.name, command.spec
    if spec is None:
        message = f"adopt-plan of {name} came without a plan."
        return Refused(RefusalCode.BAD_INPUT, message, f'rollout adopt-plan {name} FILE --reason "..."')
    if rollout.phase not in WHILE or not rollout.visits:
        message = f"{name} is {rollout.phase.value}; a plan is changed only on a stage."
        return Refused(RefusalCode.NOT_NOW, message, f"rollout status {name}")
    stays = forbidden(rollout, spec)
    if stays:
        hint = f"Correct the file, or: rollout abort {name}, and start a new rollout by it"
        return Refused(RefusalCode.GATE, f"{name} goes on by the plan that it has: {stays}", hint)
    wanted = replace(spec, reason=rollout.spec.reason)
    if wanted == rollout.spec:
        return (), f"{name} has this plan already."
    if len(command.reason) < overrides.REASON_LENGTH_MIN:
        message = "Changing a running plan needs a reason of 10 or more letters; it stays in the record."
        return Refused(RefusalCode.GATE, message, f'rollout adopt-plan {name} FILE --reason "..."')
    events = (ev.PlanAdopted(wanted, command.reason), ev.WindowRestarted("a changed plan was adopted"))
    return events, f"{name} goes on by the changed plan, after a fresh look: {told(rollout.spec.plan, spec.plan)}"


def forbidden(rollout: Rollout, spec: Spec) -> str:
    """What of the running plan this one would change and may not, in a sentence; empty when it is in order."""
    old, new, at = rollout.spec.plan, spec.plan, rollout.stage_index
    other = _differing(rollout.spec, spec, _FREE_OF_SPEC) or _differing(old, new, _FREE_OF_PLAN)
    if other:
        return f"{other} cannot change while it runs."
    if new.last < at:
        return f"it is on stage {at + 1}, and this plan has {new.last + 1}."
    for had, has in zip(old.stages[:at], new.stages[:at], strict=True):
        if what := _differing(had, has, frozenset()):
            return f"{what} of stage {had.name}, which is behind it, cannot change."
    present = _differing(old.stages[at], new.stages[at], _FREE_OF_STAGE)
    if present:
        return f"{present} of the present stage {old.stages[at].name} cannot change, only its times."
    if rollout.on_last_stage is not (at == new.last):
        return "the watch stays the watch, and another stage does not become it."
    return ""


def _differing(old: Spec | Plan | Stage, new: Spec | Plan | Stage, free: frozenset[str]) -> str:
    """The first field in which these differ and may not."""
    names = (field.name for field in fields(old) if field.name not in free)
    return next((name for name in names if getattr(old, name) != getattr(new, name)), "")


def told(old: Plan, new: Plan) -> str:
    """The ladder before and after, for people."""
    return f"{_ladder(old)} becomes {_ladder(new)}" if _ladder(old) != _ladder(new) else "the same shares, other terms"


def _ladder(plan: Plan) -> str:
    return " > ".join(str(stage.share) for stage in plan.stages)


def breaks(rollout: Rollout, event: ev.Event) -> str:
    """The law that an adopted plan would break, or nothing: what is behind the rollout, and its tests, stay."""
    return forbidden(rollout, event.spec) if isinstance(event, ev.PlanAdopted) else ""


def adopted(rollout: Rollout, event: ev.PlanAdopted, _recorded: ev.Recorded) -> Rollout:
    """The rollout on its changed plan. A present stage with another maximum time has it from its own beginning."""
    before, stage = rollout.stage, event.spec.plan.stages[rollout.stage_index]
    deadline_ms, visit = rollout.stage_deadline_ms, rollout.visits[-1]
    if visit.confirmed_at is not None and stage.max_time_ms != before.max_time_ms:
        deadline_ms = visit.confirmed_at.clock_ms + stage.max_time_ms
    return replace(rollout, spec=event.spec, stage_deadline_ms=deadline_ms, question=None)

"""What the smoke probes of a preview say: who has not answered rightly often enough, and who was wrong too often. Pure.

Here they stand in the place of the gates: without live traffic there is nothing to compare, and no answer is no pass.
"""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.effects import SlotSmoked, SmokeSlot
from rolloutd.core.observed import Seen
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout

WRONG_IN_A_ROW = 3
"""So many wrong answers one after the other show that the challenger is not what was meant."""
_PROBED = frozenset({Phase.RUNNING, Phase.HELD, Phase.ASKING})


def on_preview(rollout: Rollout) -> bool:
    """Whether the rollout stands on a preview."""
    return rollout.live and bool(rollout.visits) and rollout.stage.preview


def smoking(rollout: Rollout) -> tuple[SmokeSlot, ...]:
    """The probes of this tick."""
    visit, slot = rollout.visit, rollout.challenger_slot
    if not on_preview(rollout) or rollout.phase not in _PROBED or slot is None:
        return ()
    if visit is None or visit.confirmed_at is None:
        return ()
    return tuple(SmokeSlot(rollout.spec.route, slot, probe) for probe in rollout.stage.smoke)


def note(rollout: Rollout, seen: Seen, smoked: SlotSmoked, now_ms: int) -> Seen:
    """What was seen, with one more finding; one that comes when the preview is over is dropped."""
    if not on_preview(rollout) or smoked.probe not in {probe.name for probe in rollout.stage.smoke}:
        return seen
    others = tuple(pair for pair in seen.smokes if pair[0] != smoked.probe)
    run = seen.smoke(smoked.probe).after(smoked.finding, now_ms)
    return replace(seen, smokes=(*others, (smoked.probe, run)))


def missing(rollout: Rollout, seen: Seen, now_ms: int) -> tuple[tuple[str, str], ...]:
    """The probes that do not speak for going on yet, each with a sentence. A finding of long ago is none."""
    needed, stale_ms = rollout.stage.min_ticks, 3 * rollout.spec.plan.timing.tick_ms
    found = []
    for probe in rollout.stage.smoke:
        run = seen.smoke(probe.name)
        right = run.right if now_ms - run.at_ms <= stale_ms + probe.deadline_ms else 0
        if right < needed:
            why = f" ({run.detail})" if run.detail and not run.right else ""
            found.append((f"smoke:{probe.name}", f"smoke probe {probe.name} was right {right} of {needed} times{why}"))
    return tuple(found)


def failure(rollout: Rollout, seen: Seen) -> str | None:
    """Why the challenger does not leave its preview, as a sentence; None while nothing says so."""
    for probe in rollout.stage.smoke if on_preview(rollout) else ():
        run = seen.smoke(probe.name)
        if run.wrong >= WRONG_IN_A_ROW:
            return f"smoke probe {probe.name} was wrong {run.wrong} times one after the other: {run.detail}"
    return None

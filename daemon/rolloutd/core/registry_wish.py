"""What a model registry should say of a rollout: its aliases and tags, from the record alone. Pure; it asks nobody.

Traffic comes first and the registry last: the champion's alias moves only after the challenger serves everything, and
back only after it no longer does. An alias that somebody moved by hand is left where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rolloutd.core.events import RecedeCause
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True)
class AliasWish:
    """Where an alias should point, None for nowhere; it is moved only from one of ``moved_from`` (None: not there)."""

    alias: str
    to: str | None
    moved_from: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """All that the registry should say of one rollout; ``tags`` are the challenger's. ``final``: it has ended."""

    model: str
    challenger: str
    aliases: tuple[AliasWish, ...]
    tags: Mapping[str, str]
    final: bool


def wish(rollout: Rollout) -> Wish:
    """What the registry should say now."""
    spec = rollout.spec
    aliases = (_champion(rollout), _challenger(rollout))
    return Wish(
        spec.model, spec.challenger, tuple(a for a in aliases if a is not None), _tags(rollout), not rollout.live
    )


def unwritten(rollout: Rollout) -> bool:
    """Whether the registry still has to be told of this rollout. One that began without a registry has none to tell."""
    return bool(rollout.spec.registry) and (rollout.live or not rollout.registry_told)


def _champion(rollout: Rollout) -> AliasWish | None:
    """Moved on when it is done, put back when what was done was taken back; otherwise untouched."""
    spec = rollout.spec
    if rollout.phase is Phase.DONE:
        return AliasWish(CHAMPION, spec.challenger, (spec.champion, None))
    taken_back = rollout.recede is not None and rollout.recede.cause is RecedeCause.ROLLBACK
    if taken_back and not rollout.live:
        return AliasWish(CHAMPION, spec.champion, (spec.challenger, None))
    return None


def _challenger(rollout: Rollout) -> AliasWish | None:
    """On the challenger while the rollout lives, gone after its end; a later rollout's alias is not this one's."""
    spec = rollout.spec
    if rollout.live:
        return AliasWish(CHALLENGER, spec.challenger, (None,))
    return AliasWish(CHALLENGER, None, (spec.challenger,))


def _tags(rollout: Rollout) -> dict[str, str]:
    """The evidence in short: which rollout, how far, what came of it and why, and what it rested on."""
    spec, end = rollout.spec, rollout.end
    stage = rollout.stage.name if rollout.visits else "checks"
    tags = {
        "rollout.id": rollout.name,
        "rollout.stage": stage,
        "rollout.outcome": end.outcome.value if end is not None else "running",
        "rollout.champion": spec.champion,
    }
    if end is None:
        return tags
    tags["rollout.reason"] = end.reason
    tags["rollout.overrides"] = str(sum(not note.proposed_only for note in rollout.overrides))
    if rollout.checks:
        tags["rollout.checks"] = "; ".join(
            f"{c.check} {'passed' if c.passed else 'failed'}: {c.detail}" for c in rollout.checks
        )
    if rollout.artefact:
        tags["rollout.artefact"] = rollout.artefact
    return tags

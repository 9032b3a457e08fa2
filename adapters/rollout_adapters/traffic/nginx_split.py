"""The file that nginx includes for its splits: written from values, read back into the same. Pure: it opens nothing.

For each route it defines ``$rollout_drawn_ID`` (the arm that a request draws), ``$rollout_base_ID`` (the base's arm)
and ``$rollout_note_ID`` (what the two say, for a location to answer); ``$rollout_generation`` counts the writes. All
four are loaded together, so a worker that answers a note also splits by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rollout_adapters.split import Split
from rolloutd.core.values import FULL_BP, Share, Slot

UPSTREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_GENERATION = re.compile(r'^map "" \$rollout_generation \{ default (\d{1,18}); \}$', re.MULTILINE)
_NOTE = re.compile(r"^map \"\" \$rollout_note_\w+ \{ default '(.*)'; \}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Routed:
    """One route: how it is split, and the upstreams of its slots."""

    split: Split
    arms: Mapping[Slot, str]

    @property
    def other_bp(self) -> int:
        """What the slot that is not the base gets, in basis points."""
        return self.split.weights()[self.split.base.other]


@dataclass(frozen=True, slots=True)
class Splits:
    """All routes of one file, and how many times it was written."""

    generation: int
    routes: Mapping[str, Routed]

    def put(self, route: str, routed: Routed) -> Splits:
        """The same with this route so."""
        return replace(self, routes={**self.routes, route: routed})


def identifier(route: str) -> str:
    """The route's name as a part of an nginx variable; two routes never share one."""
    return "".join(sign if sign.isalnum() else f"_{ord(sign):02x}" for sign in route)


def render_splits(splits: Splits) -> str:
    """The text of the file. Raises ValueError for an upstream's name that nginx could read as something else."""
    head = "# Written by rolloutd, anew with every change. What is edited here by hand is lost.\n"
    parts = [f'{head}map "" $rollout_generation {{ default {splits.generation}; }}\n']
    parts += [_route(name, routed) for name, routed in splits.routes.items()]
    return "\n".join(parts)


def read_splits(text: str) -> Splits | None:
    """What a file says; None where it is not whole, so that nothing is guessed."""
    generation = _GENERATION.search(text)
    if generation is None:
        return None
    try:
        routes = dict(read_note(found) for found in _NOTE.findall(text))
    except ValueError:
        return None
    return Splits(int(generation[1]), routes)


def read_note(text: str) -> tuple[str, Routed]:
    """A note's route and what it says of it. Raises ValueError."""
    said = json.loads(text)
    try:
        slot = Slot(said["override_slot"]) if said["override_slot"] else None
        split = Split(Slot(said["base"]), slot, Share(said["override_bp"]))
        arms = {each: _upstream(said["arms"][each.value]) for each in Slot}
        return str(said["route"]), Routed(split, arms)
    except (KeyError, TypeError) as missing:
        raise ValueError(f"a note without {missing}") from None


def lower_of(one: Routed, other: Routed) -> Routed:
    """Of two records of one route the one that gives less to the challenger; ``one`` where they do not compare."""
    same_base = one.split.base is other.split.base
    return other if same_base and other.other_bp < one.other_bp else one


def _route(name: str, routed: Routed) -> str:
    arms, split, own = {slot: _upstream(routed.arms[slot]) for slot in Slot}, routed.split, identifier(name)
    note = {
        "route": name,
        "base": split.base.value,
        "override_slot": split.override_slot.value if split.override_slot else "",
        "override_bp": split.override.basis_points,
        "arms": {slot.value: arm for slot, arm in arms.items()},
    }
    drawn = f"$rollout_drawn_{own}"
    first, rest = arms[split.base.other], arms[split.base]
    if routed.other_bp in (0, FULL_BP):  # split_clients knows no 0 %
        how = f'map "" {drawn} {{ default {first if routed.other_bp else rest}; }}'
    else:
        percent = f"{routed.other_bp // 100}.{routed.other_bp % 100:02d}%"
        # The challenger stands first: its part of the draws grows from one end, so whoever is in it stays in it.
        how = f'split_clients "{name}:$rollout_user_{own}" {drawn} {{ {percent} {first}; * {rest}; }}'
    return (
        f"map \"\" $rollout_note_{own} {{ default '{json.dumps(note)}'; }}\n"
        f'map "" $rollout_base_{own} {{ default {rest}; }}\n'
        f"{how}\n"
    )


def _upstream(name: object) -> str:
    if not isinstance(name, str) or not UPSTREAM.fullmatch(name):
        raise ValueError(f"{name!a} is not the name of an upstream")
    return name

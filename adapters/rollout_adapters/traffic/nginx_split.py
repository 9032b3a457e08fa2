"""The file that nginx includes for its splits: written from values, read back into the same. Pure: it opens nothing.

For each route it defines ``$rollout_drawn_ID`` (the arm that a request draws), ``$rollout_base_ID`` (the base's arm),
``$rollout_mirror_ID`` (the arm that gets a copy of it, or nothing) and ``$rollout_note_ID`` (what these say, for a
location to answer); ``$rollout_generation`` counts the writes. All are loaded together, so a worker that answers a note
also splits by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rollout_adapters.split import Split
from rolloutd.core.values import FULL_BP, ZERO, Share, Slot
from rolloutd.ports import OTHER, Segments

UPSTREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_GENERATION = re.compile(r'^map "" \$rollout_generation \{ default (\d{1,18}); \}$', re.MULTILINE)
_NOTE = re.compile(r"^map \"\" \$rollout_note_\w+ \{ default '(.*)'; \}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Routed:
    """One route: how it is split, the upstreams of its slots, its segments, and what is copied to which slot."""

    split: Split
    arms: Mapping[Slot, str]
    segments: Segments | None = None
    mirror: Share = ZERO
    mirror_slot: Slot | None = None

    def at_most(self, other: Routed) -> bool:
        """Whether it gives nobody more of the slot that is not the base; only where the bases are the same."""
        mine, its = self.split, other.split
        return mine.base is its.base and mine.exposed <= its.exposed and set(its.isolated) <= set(mine.isolated)


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
        own = tuple((name, points) for name, points in said.get("override_segments", {}).items())
        split = replace(
            split, override=Share(split.override.basis_points, own), isolated=tuple(sorted(said.get("isolated", [])))
        )
        arms = {each: _upstream(said["arms"][each.value]) for each in Slot}
        copied = Slot(said["mirror_slot"]) if said.get("mirror_slot") else None
        mirror = Share(said.get("mirror_bp", 0))
        return str(said["route"]), Routed(split, arms, _segments(said.get("segments")), mirror, copied)
    except (KeyError, TypeError, AttributeError) as missing:
        raise ValueError(f"a note without {missing}") from None


def lower_of(one: Routed, other: Routed) -> Routed:
    """Of two records of one route what gives nobody more than either; ``one`` where their bases differ."""
    if one.split.base is not other.split.base or one.at_most(other):
        return one
    if other.at_most(one):
        return replace(one, split=other.split)
    isolated = tuple(sorted({*one.split.isolated, *other.split.isolated}))
    split = replace(one.split, override=one.split.exposed.meet(other.split.exposed), isolated=isolated)
    return replace(one, split=split)


def _segments(said: Mapping[str, object] | None) -> Segments | None:
    """The segments as a note has them."""
    if said is None:
        return None
    names = said["names"]
    if not isinstance(names, list):
        raise TypeError("a list of segments")
    return Segments(str(said["header"]), str(said["label"]), tuple(map(str, names)))


def _route(name: str, routed: Routed) -> str:
    arms, split, own = {slot: _upstream(routed.arms[slot]) for slot in Slot}, routed.split, identifier(name)
    note: dict[str, object] = {
        "route": name,
        "base": split.base.value,
        "override_slot": split.override_slot.value if split.override_slot else "",
        "override_bp": split.override.basis_points,
        "override_segments": dict(split.override.segments),
        "isolated": list(split.isolated),
        "arms": {slot.value: arm for slot, arm in arms.items()},
        "mirror_slot": routed.mirror_slot.value if routed.mirror_slot else "",
        "mirror_bp": routed.mirror.basis_points,
    }
    rest = arms[split.base]
    if routed.segments is None:
        how = _drawn(name, f"$rollout_drawn_{own}", split.weights()[split.base.other], split, arms)
    else:
        segments = routed.segments
        note["segments"] = {"header": segments.header, "label": segments.label, "names": list(segments.names)}
        how = _by_segment(name, segments, split, arms)
    return (
        f"map \"\" $rollout_note_{own} {{ default '{json.dumps(note)}'; }}\n"
        f'map "" $rollout_base_{own} {{ default {rest}; }}\n'
        f"{how}\n{_mirror(routed, own)}\n"
    )


def _drawn(name: str, variable: str, points: int, split: Split, arms: Mapping[Slot, str]) -> str:
    """A variable that is the arm which a request draws at so many basis points."""
    first, rest = arms[split.base.other], arms[split.base]
    if points in (0, FULL_BP):  # split_clients knows no 0 %
        return f'map "" {variable} {{ default {first if points else rest}; }}'
    percent = f"{points // 100}.{points % 100:02d}%"
    # The challenger stands first: its part of the draws grows from one end, so whoever is in it stays in it.
    return f'split_clients "{name}:$rollout_user_{identifier(name)}" {variable} {{ {percent} {first}; * {rest}; }}'


def _by_segment(name: str, segments: Segments, split: Split, arms: Mapping[Slot, str]) -> str:
    """One draw for each share that any segment has, and which one counts by the request's header."""
    variable = f"$rollout_drawn_{identifier(name)}"
    points = {each: split.weights(each)[split.base.other] for each in segments.everybody}
    draws = [_drawn(name, f"{variable}__{bp}", bp, split, arms) for bp in sorted(set(points.values()))]
    header = "$http_" + segments.header.replace("-", "_")
    own = " ".join(f'"{each}" {variable}__{points[each]};' for each in segments.names)
    chosen = f"map {header} {variable} {{ default {variable}__{points[OTHER]}; {own} }}"
    return "\n".join([*draws, chosen])


def _mirror(routed: Routed, own: str) -> str:
    """Which upstream gets a copy: drawn anew for each request, so that every user is copied alike."""
    variable, part = f"$rollout_mirror_{own}", routed.mirror.basis_points
    nothing = '""'
    arm = _upstream(routed.arms[routed.mirror_slot]) if routed.mirror_slot and part else nothing
    if part in (0, FULL_BP) or arm == nothing:
        return f'map "" {variable} {{ default {arm}; }}'
    return f'split_clients "mirror:$request_id" {variable} {{ {_percent(part)} {arm}; * {nothing}; }}'


def _percent(basis_points: int) -> str:
    return f"{basis_points // 100}.{basis_points % 100:02d}%"


def _upstream(name: object) -> str:
    if not isinstance(name, str) or not UPSTREAM.fullmatch(name):
        raise ValueError(f"{name!a} is not the name of an upstream")
    return name

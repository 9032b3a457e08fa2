"""What Envoy's route configuration says about one route, and the same configuration with that said otherwise.

Pure functions over Envoy's JSON: no files, no network. A route is every entry whose weighted clusters are exactly its
two arms. Beside the weights an entry carries our note, as metadata that Envoy shows again: base, override, generation.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any  # Envoy's own JSON, of which only the few keys named here are looked at

from rollout_adapters.split import Split
from rolloutd.core.values import FULL_BP, Share, Slot
from rolloutd.ports import OTHER, RouterBadAnswer, Segments

NOTE = "rolloutd"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arms:
    """A route's name, the clusters of its slots, and its segments.

    Each named segment has an entry of its own, before the one of the rest.
    """

    route: str
    clusters: Mapping[Slot, str]
    segments: Segments | None = None

    @property
    def rest(self) -> str:
        """What the entry without a segment's name is for: everybody, or who is in no named segment."""
        return OTHER if self.segments is not None else ""


def entries_of(config: Json, arms: Arms) -> list[Json]:
    """The route entries that split between exactly these clusters. Raises RouterBadAnswer when there is none."""
    wanted = set(arms.clusters.values())
    found = [
        entry
        for host in config.get("virtual_hosts", [])
        for entry in host.get("routes", [])
        if {cluster.get("name") for cluster in _clusters(entry)} == wanted
    ]
    if not found:
        raise RouterBadAnswer(
            f"Envoy has no route entry that splits between {' and '.join(sorted(wanted))}, the arms of {arms.route}.",
            "Compare the routes in force with the arms of the route in the configuration.",
        )
    return found


def split_in_force(config: Json, runtime: Mapping[str, str], arms: Arms) -> Split:
    """The split that requests meet: the weights in force, with runtime overrides on top.

    Where they are those of the note, it is the note's split. Otherwise somebody else set them, and whatever the slot
    that is not the base gets is an override; of several entries the one that exposes it most counts.
    """
    entries = entries_of(config, arms)
    noted = [_note(entry, arms) for entry in entries]
    if len({note.base for note in noted}) > 1:
        raise RouterBadAnswer(
            f"Envoy's entries for {arms.route} do not agree on its base; both slots serve some of it."
        )
    found: dict[str, int] = {}
    own = set() if arms.segments is None else set(arms.segments.everybody)
    as_noted = len(set(noted)) == 1 and own <= set(_segments_of(entries, arms))
    for entry, note in zip(entries, noted, strict=True):
        segment, weights = _segment_of(entry, arms), _weights(entry, runtime, arms)
        as_noted = as_noted and weights == note.weights(segment)
        # Rounded up: a share that exists is never reported as none.
        points = math.ceil(weights[note.base.other] * FULL_BP / sum(weights.values()))
        found[segment] = max(points, found.get(segment, 0))
    return noted[0] if as_noted else _by_hand(found, noted[0], arms)


def _by_hand(found: Mapping[str, int], noted: Split, arms: Arms) -> Split:
    """The split that these basis points of each segment are. Who alone has nothing is isolated."""
    if not any(found.values()):
        return Split(noted.base, isolated=noted.isolated)
    off = [name for name, points in found.items() if name and not points]
    rest = found.get(arms.rest, 0)
    if arms.rest in off:
        rest = min(points for points in found.values() if points)
    share = Share(rest, tuple((name, points) for name, points in found.items() if name and points))
    return Split(noted.base, noted.base.other, share, tuple(sorted(off)))


def base_of(config: Json, arms: Arms) -> Slot:
    """The base that the running configuration notes for the route."""
    return _note(entries_of(config, arms)[0], arms).base


def check_segments(config: Json, arms: Arms) -> None:
    """Raise RouterBadAnswer where a segment has no entry of its own: nothing could be said of it alone."""
    if arms.segments is None:
        return
    missing = [name for name in arms.segments.everybody if name not in _segments_of(entries_of(config, arms), arms)]
    if missing:
        raise RouterBadAnswer(
            f"Envoy has no route entry of its own for {', '.join(missing)} of {arms.route}; nothing was changed.",
            "Compare the routes in force with those that the documentation of routers shows for segments.",
        )


def runtime_keys(config: Json, arms: Arms) -> dict[str, Slot]:
    """The runtime keys that override the weights, each with the slot it belongs to."""
    prefixes = {entry["route"]["weighted_clusters"].get("runtime_key_prefix", "") for entry in entries_of(config, arms)}
    if "" in prefixes:
        raise RouterBadAnswer(
            f"Envoy's entries for {arms.route} have no runtime_key_prefix, so nothing can lower the share at once.",
            "Write one beside their weighted clusters.",
        )
    return {f"{prefix}.{arms.clusters[slot]}": slot for prefix in prefixes for slot in Slot}


def changed(document: Json, arms: Arms, edit: Callable[[Split], Split], generation: int) -> Json:
    """A copy of a whole route file with this route split as ``edit`` makes it of the noted split, else as it was."""
    after = copy.deepcopy(document)
    after["version_info"] = str(generation)
    entries = in_file(after, arms)
    split = edit(_note(entries[0], arms))
    for entry in entries:
        _write(entry, arms, split, generation)
    return after


def in_file(document: Json, arms: Arms) -> list[Json]:
    """The route's entries in a whole route file. Raises RouterBadAnswer when there is none."""
    entries = [entry for config in document["resources"] for entry in _entries_or_none(config, arms)]
    if not entries:
        raise RouterBadAnswer(f"The route file has no entry for {arms.route}; nothing was written.")
    return entries


def _entries_or_none(config: Json, arms: Arms) -> list[Json]:
    try:
        return entries_of(config, arms)
    except RouterBadAnswer:
        return []


def _clusters(entry: Json) -> list[Json]:
    clusters = entry.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
    return clusters if isinstance(clusters, list) else []


def _note(entry: Json, arms: Arms) -> Split:
    noted = entry.get("metadata", {}).get("filter_metadata", {}).get(NOTE, {})
    try:
        slot = Slot(noted["override_slot"]) if noted.get("override_slot") else None
        own = tuple((str(name), int(points)) for name, points in noted.get("override_segments", {}).items())
        share = Share(int(noted.get("override_bp", 0)), own)
        return Split(Slot(noted["base"]), slot, share, tuple(sorted(map(str, noted.get("isolated", [])))))
    except (KeyError, ValueError, TypeError, AttributeError):
        raise RouterBadAnswer(
            f"Envoy's entry for {arms.route} does not say which slot is its base (its metadata {NOTE} is {noted!r}).",
            f'Write metadata.filter_metadata.{NOTE} = {{"base": "a"}} into the entry.',
        ) from None


def _segment_of(entry: Json, arms: Arms) -> str:
    noted = entry.get("metadata", {}).get("filter_metadata", {}).get(NOTE, {})
    return str(noted.get("segment") or arms.rest)


def _segments_of(entries: list[Json], arms: Arms) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_segment_of(entry, arms) for entry in entries))


def _weights(entry: Json, runtime: Mapping[str, str], arms: Arms) -> dict[Slot, int]:
    """The weights in force of one entry."""
    prefix = entry["route"]["weighted_clusters"].get("runtime_key_prefix", "")
    written = {str(cluster["name"]): int(cluster.get("weight", 0)) for cluster in _clusters(entry)}
    weights: dict[Slot, int] = {}
    for slot, cluster in arms.clusters.items():
        override = _number(runtime.get(f"{prefix}.{cluster}"))
        weights[slot] = written[cluster] if override is None else override
    total = sum(weights.values())
    if total == 0:
        raise RouterBadAnswer(
            f"All weights of {arms.route} are 0 in Envoy: every request to it is answered 404.",
            "Remove the runtime overrides of its weights at once.",
        )
    return weights


def _number(value: str | None) -> int | None:
    """A runtime value as Envoy takes it for a weight; what is no number at all is ignored by Envoy, and here."""
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return int(number) if number is not None and math.isfinite(number) and number >= 0 else None


def _write(entry: Json, arms: Arms, split: Split, generation: int) -> None:
    segment = _segment_of(entry, arms)
    weights = {arms.clusters[slot]: weight for slot, weight in split.weights(segment).items()}
    for cluster in _clusters(entry):
        cluster["weight"] = weights[cluster["name"]]
    # The generation makes every file differ from the one before: Envoy does not take over one that says the same.
    entry.setdefault("metadata", {}).setdefault("filter_metadata", {})[NOTE] = note(
        split, generation, "" if segment == arms.rest else segment
    )


def note(split: Split, generation: int, segment: str = "") -> Json:
    """Our metadata of a route entry, which is for one segment, or for all who are in none with an entry of its own."""
    return {
        "segment": segment,
        "override_segments": dict(split.override.segments),
        "isolated": list(split.isolated),
        "base": split.base.value,
        "override_slot": split.override_slot.value if split.override_slot else "",
        "override_bp": split.override.basis_points,
        "generation": str(generation),
    }

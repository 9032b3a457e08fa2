"""What Envoy's route configuration says about one route, and the same configuration with that said otherwise.

Pure functions over Envoy's JSON: no files, no network. A route is every entry whose weighted clusters are exactly its
two arms. Beside the weights an entry carries our note, as metadata that Envoy shows again: base, override, generation.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any  # Envoy's own JSON, of which only the few keys named here are looked at

from rollout_adapters.split import Split
from rolloutd.core.values import FULL, FULL_BP, ZERO, Share, Slot
from rolloutd.ports import RouterBadAnswer

NOTE = "rolloutd"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arms:
    """A route's name and the clusters of its slots."""

    route: str
    clusters: Mapping[Slot, str]


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
    splits = [_split_of(entry, runtime, arms) for entry in entries_of(config, arms)]
    if len({split.base for split in splits}) > 1:
        raise RouterBadAnswer(
            f"Envoy's entries for {arms.route} do not agree on its base; both slots serve some of it."
        )
    return max(splits, key=lambda split: split.weights()[split.base.other])


def base_of(config: Json, arms: Arms) -> Slot:
    """The base that the running configuration notes for the route."""
    return _note(entries_of(config, arms)[0], arms).base


def runtime_keys(config: Json, arms: Arms) -> dict[str, Slot]:
    """The runtime keys that override the weights, each with the slot it belongs to."""
    prefixes = {entry["route"]["weighted_clusters"].get("runtime_key_prefix", "") for entry in entries_of(config, arms)}
    if "" in prefixes:
        raise RouterBadAnswer(
            f"Envoy's entries for {arms.route} have no runtime_key_prefix, so nothing can lower the share at once.",
            "Write one beside their weighted clusters.",
        )
    return {f"{prefix}.{arms.clusters[slot]}": slot for prefix in prefixes for slot in Slot}


def changed(document: Json, arms: Arms, split: Split | Slot, generation: int) -> Json:
    """A copy of a whole route file with this route split so, all else as it was.

    A Slot instead of a Split changes the base alone and keeps the override noted in the file.
    """
    after = copy.deepcopy(document)
    after["version_info"] = str(generation)
    entries = [entry for config in after["resources"] for entry in _entries_or_none(config, arms)]
    if not entries:
        raise RouterBadAnswer(f"The route file has no entry for {arms.route}; nothing was written.")
    for entry in entries:
        if isinstance(split, Slot):
            noted = _note(entry, arms)
            _write(entry, arms, Split(split, noted.override_slot, noted.override), generation)
        else:
            _write(entry, arms, split, generation)
    return after


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
        return Split(Slot(noted["base"]), slot, Share(int(noted.get("override_bp", 0))))
    except (KeyError, ValueError, TypeError):
        raise RouterBadAnswer(
            f"Envoy's entry for {arms.route} does not say which slot is its base (its metadata {NOTE} is {noted!r}).",
            f'Write metadata.filter_metadata.{NOTE} = {{"base": "a"}} into the entry.',
        ) from None


def _split_of(entry: Json, runtime: Mapping[str, str], arms: Arms) -> Split:
    noted = _note(entry, arms)
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
    if weights == noted.weights():
        return noted
    # Rounded up: a share that exists is never reported as none.
    share = Share(math.ceil(weights[noted.base.other] * FULL_BP / total))
    return Split(noted.base) if share == ZERO else Split(noted.base, noted.base.other, min(share, FULL))


def _number(value: str | None) -> int | None:
    """A runtime value as Envoy takes it for a weight; what is no number at all is ignored by Envoy, and here."""
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return int(number) if number is not None and math.isfinite(number) and number >= 0 else None


def _write(entry: Json, arms: Arms, split: Split, generation: int) -> None:
    weights = {arms.clusters[slot]: weight for slot, weight in split.weights().items()}
    for cluster in _clusters(entry):
        cluster["weight"] = weights[cluster["name"]]
    # The generation makes every file differ from the one before: Envoy does not take over one that says the same.
    entry.setdefault("metadata", {}).setdefault("filter_metadata", {})[NOTE] = note(split, generation)


def note(split: Split, generation: int) -> Json:
    """Our metadata of a route entry."""
    return {
        "base": split.base.value,
        "override_slot": split.override_slot.value if split.override_slot else "",
        "override_bp": split.override.basis_points,
        "generation": str(generation),
    }

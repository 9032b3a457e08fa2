"""Mirrors in Envoy's route configuration: read from what it runs, and written into a copy. Pure, like envoy_routes.py.

A mirror is one request_mirror_policies entry with a fraction and without a runtime key: the file alone says how much is
copied. Envoy throws the copies' answers away; they count at the cluster they go to.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from math import ceil

from rollout_adapters.traffic.envoy_routes import Arms, Json, entries_of, in_file
from rolloutd.core.values import FULL_BP, ZERO, Share, Slot
from rolloutd.ports import RouterBadAnswer

_DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}


def mirror_in_force(config: Json, arms: Arms) -> tuple[Share, Slot | None]:
    """The part of the route's requests that is copied, and the slot that gets it; of several the largest counts."""
    slots = {cluster: slot for slot, cluster in arms.clusters.items()}
    found = [
        (_part(policy), slots.get(str(policy.get("cluster", ""))))
        for entry in entries_of(config, arms)
        for policy in entry["route"].get("request_mirror_policies", [])
    ]
    return max(found, key=lambda pair: pair[0], default=(ZERO, None))


def mirrored(document: Json, arms: Arms, slot: Slot, share: Share, generation: int) -> Json:
    """A copy of a whole route file with this mirror of the route's requests to the slot, all else as it was."""
    after = copy.deepcopy(document)
    after["version_info"] = str(generation)
    for entry in in_file(after, arms):
        policies = [_policy(arms.clusters[slot], share)] if share > ZERO else []
        entry["route"].pop("request_mirror_policies", None)
        if policies:
            entry["route"]["request_mirror_policies"] = policies
        # Envoy does not take over a file that says the same as the one before.
        entry["metadata"]["filter_metadata"]["rolloutd"]["generation"] = str(generation)
    return after


def _policy(cluster: str, share: Share) -> Json:
    fraction = {"numerator": share.basis_points, "denominator": "TEN_THOUSAND"}
    return {"cluster": cluster, "runtime_fraction": {"default_value": fraction}}


def _part(policy: Mapping[str, object]) -> Share:
    """The part that a policy copies, rounded up: a mirror that exists is never reported as none."""
    runtime = policy.get("runtime_fraction")
    fraction = runtime.get("default_value", {}) if isinstance(runtime, dict) else None
    if fraction is None:
        return Share(FULL_BP)
    try:
        whole = _DENOMINATORS[str(fraction.get("denominator", "HUNDRED"))]
        return Share(min(FULL_BP, ceil(int(fraction.get("numerator", 0)) * FULL_BP / whole)))
    except (KeyError, ValueError, TypeError):
        raise RouterBadAnswer(f"Envoy has a mirror whose fraction is {fraction!r}, which nobody here wrote.") from None

"""A plan without what a rehearsal cannot rehearse: shadow stages, gates on pairs, on means and on order. Pure.

What two versions answer to one request, and how a mean varies, is nothing that rates and chance could tell; nor is how
many of so many requests have one label and how many the other, of which pairs in order are made.
"""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.plan import Gate, Spec
from rolloutd.core.values import BadValue


def shadowless(spec: Spec) -> Spec:
    """The same rollout with live traffic alone. Raises BadValue where nothing would judge it."""
    plan = spec.plan
    if not plan.mirrors and all(map(_told_by_rates, plan.gates)):
        return spec
    stages = tuple(stage for stage in plan.stages if not stage.shadow)
    gates = tuple(filter(_told_by_rates, plan.gates))
    if not gates:
        raise BadValue(
            "No gate of this plan is on what rates of requests tell: errors, latency or labels that are wrong."
        )
    return replace(spec, plan=replace(plan, stages=stages, gates=gates))


def _told_by_rates(gate: Gate) -> bool:
    return gate.template.kind.of_rates and not gate.template.of_order

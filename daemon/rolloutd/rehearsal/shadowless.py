"""A plan without what a rehearsal cannot rehearse: shadow stages, gates on pairs and on means. Pure.

What two versions answer to one request, and how a mean varies, is nothing that rates and chance could tell.
"""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.plan import Spec


def shadowless(spec: Spec) -> Spec:
    """The same rollout with live traffic alone."""
    plan = spec.plan
    if not plan.mirrors and all(gate.template.kind.of_rates for gate in plan.gates):
        return spec
    stages = tuple(stage for stage in plan.stages if not stage.shadow)
    gates = tuple(gate for gate in plan.gates if gate.template.kind.of_rates)
    return replace(spec, plan=replace(plan, stages=stages, gates=gates))

"""A plan without what a rehearsal cannot rehearse: shadow stages and gates on pairs. Pure; it says what it left out.

What two versions answer to one request is nothing that rates and chance could tell.
"""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.plan import Spec


def shadowless(spec: Spec) -> Spec:
    """The same rollout with live traffic alone."""
    plan = spec.plan
    if not plan.mirrors:
        return spec
    stages = tuple(stage for stage in plan.stages if not stage.shadow)
    gates = tuple(gate for gate in plan.gates if not gate.template.kind.of_pairs)
    return replace(spec, plan=replace(plan, stages=stages, gates=gates))

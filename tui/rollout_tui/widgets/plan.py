"""Tab 5: what was agreed to before the start, in words: stages, gates, and what happens when nobody can tell. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, right, wrap
from rollout_tui.scene import Scene

if TYPE_CHECKING:
    from rolloutd.pictures import Plan, PlanGate, PlanStage
    from rolloutd.wire import Status

_DAY_S = 86_400.0
_UNDECIDED = {"ask": "asks a person", "extend": "takes its time once more", "rollback": "goes back"}
_ON_FAIL = {"rollback": "goes back", "hold": "holds and asks", "observe": "only says so"}


def render_plan(scene: Scene, status: Status, room: int) -> list[Line]:
    """The plan in ``room`` lines: what does not fit is the sentences at the end, then gates; never a stage."""
    plan = scene.papers.plan
    if plan is None:
        told = "Reading the plan ..." if not scene.stale else "The plan was not read before contact was lost."
        return [line(), line(" " + told)]
    lines = [_head(scene, plan), *_stages(scene, plan, status)]
    sentences = _sentences(scene, plan, status)
    gates = _gates(scene, plan)
    left = room - len(lines) - len(gates) - 1
    if left < 0:
        gates = gates[: max(2, room - len(lines) - 1)]
        gates[-1] = line(Span(f" + {len(plan.gates) - len(gates) + 2} more gates: rollout status --json", Role.NOTICE))
    return [*lines, line(), *gates, *sentences[: max(0, left)]]


def _head(scene: Scene, plan: Plan) -> Line:
    why = f"   {clean(plan.reason)}" if plan.reason else ""
    return crop(line(Span(f" {clean(plan.strategy)}", Role.STRONG), f", {clean(plan.change)} change{why}"), scene.width)


def _stages(scene: Scene, plan: Plan, status: Status) -> list[Line]:
    wide = scene.width >= 100
    heading = f"  {fit('STAGE', 14)}{right('SHARE', 7)}{right('AT LEAST', 10)}{right('AT MOST', 9)}"
    heading += f"{right('CHECKS', 8)}  {fit('IF UNDECIDED BY THEN', 25)}GOING UP" if wide else "  IF UNDECIDED BY THEN"
    return [line(Span(fit(heading, scene.width), Role.NOTICE)), *(_stage(scene, one, status) for one in plan.stages)]


def _stage(scene: Scene, stage: PlanStage, status: Status) -> Line:
    here = stage.index == status.stage.index and not status.ended
    name = fit(f"{'>' if here else ' '}{stage.index + 1} {clean(stage.name)}", 16)
    least_s = max(stage.min_s, _DAY_S) if stage.full_day else stage.min_s
    text = f"{right(figures.share(stage.share), 7)}{right(figures.length(least_s), 10)}"
    text += right(figures.length(stage.max_s), 9)
    undecided = _UNDECIDED.get(stage.on_undecided, clean(stage.on_undecided))
    if scene.width >= 100:
        up = "a person approves" if stage.approval else "by itself"
        text += f"{right(str(stage.min_ticks), 8)}  {fit(undecided, 25)}{up}"
    else:
        text += f"  {undecided}" + ("; up: a person approves" if stage.approval else "")
    return crop(line(Span(name, Role.STRONG if here else Role.PLAIN), text), scene.width)


def _gates(scene: Scene, plan: Plan) -> list[Line]:
    wide = scene.width >= 100
    cells = 14 if wide else 11
    name = fit("GATE", 22 if wide else 18)
    heading = f"  {name}{fit('TOLERATED', cells)}{fit('SAFE WITHIN', cells + 1)}{right('LIMIT', 7)}  IF IT SHOWS HARM"
    heading += f"  {fit('READ FROM', 24)}PART" if wide else ""
    return [line(Span(fit(heading, scene.width), Role.NOTICE)), *(_gate(scene, gate) for gate in plan.gates)]


def _gate(scene: Scene, gate: PlanGate) -> Line:
    wide = scene.width >= 100
    cells, room = (14, 22) if wide else (11, 18)
    name = clean(gate.metric) + (f" >{gate.slo_ms:g}ms" if gate.slo_ms is not None else "")
    limit = "-" if gate.limit is None else figures.rate(gate.limit)
    text = (
        f"  {fit(fit(name, room - 1), room)}{fit(clean(gate.harm_margin), cells)}"
        f"{fit(clean(gate.accept_margin), cells + 1)}{right(limit, 7)}"
        f"  {fit(_ON_FAIL.get(gate.on_fail, clean(gate.on_fail)), 18)}"
    )
    if wide:
        every = f", every {figures.length(gate.every_s)}" if gate.every_s >= 1 else f", every {gate.every_s:g}s"
        part = "-" if gate.weight is None else f"{gate.weight * 100:.0f}%"
        text += f"{fit(clean(gate.source) + every, 24)}{part}"
    return crop(line(text.rstrip()), scene.width)


def _sentences(scene: Scene, plan: Plan, status: Status) -> list[Line]:
    """What happens when the gates cannot tell, how sure they are, and how fast it would be gone."""
    length = figures.length
    told = [
        ("BLIND", (f"Without data for {length(plan.blind_hold_s)} nothing goes up; "
         f"without data for {length(plan.blind_recede_s)} the share goes to 0%.")),
        ("WAITS", (f"For {length(plan.warm_up_s)} after each change of the share only gross harm counts. "
         f"After a doubt (restart, lapse, drift) {length(plan.window_s)} of fresh data come first.")),
        ("ODDS", (f"At most {plan.alpha * 100:g}% of harmless rollouts ever go back; "
         f"at each stage at most {plan.beta * 100:g}% that are not safe pass.")),
        ("NO DAEMON", f"The share falls to 0% by itself within {length(plan.lease_s)}." if plan.lease_s else
         "The router keeps the share: only emergency-abort or a person takes it to 0%."),
    ]  # fmt: skip
    if status.breach_to_zero_s is not None and not status.ended and scene.papers.replay is None:
        gone = f"{status.breach_to_zero_s:.1f}s{scene.stale}"
        told.insert(
            0, ("IF IT BROKE NOW", f"traffic gone in {gone} ({clean(status.breach_parts)}), if one reading shows it.")
        )
    lines: list[Line] = [line()]
    for name, sentence in told:
        rows = wrap(sentence, scene.width - 19, 3)
        lines.append(line(Span(f" {fit(name, 17)}", Role.STRONG), rows[0]))
        lines += [line(" " * 18, row) for row in rows[1:]]
    return lines

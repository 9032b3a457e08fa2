"""The table of gates: both arms, the difference, its any-time range, and the evidence. Pure.

A gate without data shows how long it has had none, never its last numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures
from rollout_tui.lines import Line, Role, Span, clean, fit, line, middle, right
from rollout_tui.scene import Scene
from rollout_tui.widgets.evidence import render_bar
from rollout_tui.words import GATE_ROLES

if TYPE_CHECKING:
    from rolloutd.wire import GateNow, Status

_URGENCY = {"fail": 0, "blind": 1, "collecting": 2, "not-checked": 3, "overridden": 4, "quiet": 5, "pass": 6}


def sorted_gates(status: Status) -> list[GateNow]:
    """By harm, then by what blocks going up, passing ones last."""

    def place(gate: GateNow) -> tuple[bool, int, float, str]:
        return not _alarming(gate), _URGENCY.get(gate.state, 2), -gate.harm_evidence, gate.metric

    return sorted(status.gates, key=place)


def _alarming(gate: GateNow) -> bool:
    """Whether it speaks for going back."""
    return gate.state == "fail" or (gate.harm_evidence > 0.5 and gate.state not in {"pass", "overridden"})


def counts(status: Status) -> str:
    """How many gates are in which state."""
    states = [gate.state for gate in sorted_gates(status)]
    return " ".join(f"{states.count(one)} {one}" for one in dict.fromkeys(reversed(states))) or "no gates"


def signal(gate: GateNow) -> str:
    """The stronger of the two evidences as words."""
    if gate.harm_evidence >= gate.safe_evidence and gate.harm_evidence > 0:
        return f"harm {figures.evidence(gate.harm_evidence):>4}"
    if gate.delta_kind == "psi":  # it is never shown to be safe
        return f"seen {figures.evidence(gate.safe_evidence):>4}"
    return f"safe {figures.evidence(gate.safe_evidence):>4}"


def render_gates(scene: Scene, status: Status, rows: int) -> list[Line]:
    """Heading and at most ``rows`` - 1 gates; where some do not fit, the last line counts them."""
    wide = scene.width >= 120
    heading = _heading(scene.width, status) if wide else _small_heading()
    gates = sorted_gates(status)
    room = rows - 1
    shown = gates if len(gates) <= room else gates[: max(0, room - 1)]
    lines = [line(Span(fit(heading, scene.width), Role.NOTICE))]
    lines += [_wide(scene, gate) if wide else _small(scene, gate) for gate in shown]
    if len(shown) < len(gates) and room > 0:
        rest = gates[len(shown) :]
        passing = sum(1 for gate in rest if gate.state == "pass")
        lines.append(line(Span(f" + {len(rest)} more gates do not fit here, {passing} of them pass", Role.NOTICE)))
    return lines


def _name(gate: GateNow) -> str:
    """The metric; a latency gate is about the requests slower than its limit."""
    if gate.slo_ms is not None:
        return f"{clean(gate.metric)} >{gate.slo_ms:g}ms"
    return clean(gate.metric)


def _mark(gate: GateNow) -> Span:
    """``!`` before a gate that speaks for going back."""
    mark = "!" if _alarming(gate) else "?" if gate.state == "blind" else " "
    return Span(mark, GATE_ROLES.get(gate.state, Role.PLAIN))


def _no_data(scene: Scene, gate: GateNow) -> str:
    """What stands in place of numbers when there are none."""
    for_s = None if gate.data_age_s is None else gate.data_age_s + scene.facts.passed_s(scene.now_s)
    reason = f" ({clean(gate.blind_reason)})" if gate.blind_reason else ""
    return f"no data for {figures.age(for_s)}{reason}" if for_s is not None else f"no data yet{reason}"


def _heading(width: int, status: Status) -> str:
    confidence = f"{status.gates[0].confidence * 100:g}%" if status.gates else ""
    extra = "   TOLERATED" if width >= 140 else ""
    return (
        f" {fit('METRIC', 19)}{right('CHAMPION', 9)}{right('CHALLENGER', 12)}{right('DELTA', 10)}"
        f"  {fit(f'{confidence} ANY-TIME RANGE', 18)}  ROLL BACK < > PROMOTE  EVIDENCE    STATE{extra}"
    )


def _wide(scene: Scene, gate: GateNow) -> Line:
    """One gate on a wide screen."""
    mark, name = scene.stale, middle(_name(gate), 19)
    state = Span(fit(gate.state.replace("-", " ").upper() + mark, 12), GATE_ROLES.get(gate.state, Role.PLAIN))
    if gate.state == "blind":
        return line(_mark(gate), name, "  ", fit(_no_data(scene, gate) + mark, 85), " ", state)
    half = 10
    old, new = figures.rate(gate.champion, gate.kind), figures.rate(gate.challenger, gate.kind)
    numbers = (
        f"{right(old + mark, 9)}{right(new + mark, 12)}"
        f"{right(figures.delta(gate.delta, gate.delta_kind) + mark, 10)}"
        f"  {fit(figures.span(gate.range, gate.delta_kind) + mark, 18)}  "
    )
    if gate.delta_kind == "psi":
        numbers = f"  {fit(clean(gate.words) or 'no answers yet', 49 - len(mark))}{mark}  "
    extra = (clean(gate.harm_margin),) if scene.width >= 140 else ()
    return line(
        _mark(gate), name, numbers, *render_bar(gate.harm_evidence, gate.safe_evidence, half),
        " ", fit(signal(gate) + mark, 11), state, *extra,
    )  # fmt: skip


def _small_heading() -> str:
    return f" {fit('METRIC', 15)}{right('CHAMP', 8)}{right('CHALL', 8)}{right('DELTA', 9)} {fit('RANGE', 15)} <BACK|UP>"


def _small(scene: Scene, gate: GateNow) -> Line:
    """One gate in 80 columns: the state stands for the evidence where it has decided."""
    mark, name = scene.stale, middle(_name(gate), 15)
    state_role = GATE_ROLES.get(gate.state, Role.PLAIN)
    if gate.state == "blind":
        return line(_mark(gate), name, " ", fit(_no_data(scene, gate) + mark, 52), Span(" BLIND" + mark, state_role))
    old, new = figures.rate(gate.champion, gate.kind), figures.rate(gate.challenger, gate.kind)
    told = signal(gate) if gate.state == "collecting" else gate.state.replace("-", " ").upper()
    numbers = (
        f"{right(old + mark, 8)}{right(new + mark, 8)}{right(figures.delta(gate.delta, gate.delta_kind) + mark, 9)} "
        f"{fit(figures.span(gate.range, gate.delta_kind).replace('pp', '') + mark, 15)} "
    )
    if gate.delta_kind == "psi":
        numbers = f" {fit(clean(gate.words) or 'no answers yet', 40 - len(mark))}{mark} "
    return line(
        _mark(gate), name, numbers,
        *render_bar(gate.harm_evidence, gate.safe_evidence, 4), " ", Span(told + mark, state_role),
    )  # fmt: skip

"""The sentences of a rollout: what comes next, what blocks, who overrode what, what happened last. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures, words
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, right, width, wrap
from rollout_tui.scene import Scene

if TYPE_CHECKING:
    from rolloutd.wire import GateNow, Status, TimelineEntry


def triggers(status: Status) -> str:
    """Whether the daemon goes back by itself."""
    if status.ended:
        return "triggers over"
    if status.phase == "receding":
        return "triggers FIRED"
    armed = [gate for gate in status.gates if gate.on_fail == "rollback"]
    blind = sum(1 for gate in armed if gate.state == "blind")
    if not armed:
        return "NO TRIGGER goes back by itself"
    return f"triggers BLIND {blind} of {len(armed)}" if blind else "triggers ARMED"


def render_next(scene: Scene, status: Status) -> list[Line]:
    """The one line that says what happens if nobody acts, and what stands in the way of going up."""
    sentence = clean(status.next.sentence) + scene.stale
    rows = wrap(sentence, scene.width - 7, 2)
    lines = [line(Span(f"{scene.stale or ' '}NEXT  ", Role.STRONG), rows[0])]
    lines += [line("       ", row) for row in rows[1:]]
    if status.held_because and status.held_because not in status.next.sentence:
        lines.append(_told(scene, "held because: ", clean(status.held_because), Role.WARNING))
    if status.blocked_by:
        lines.append(_told(scene, "going up is blocked by: ", blocked(scene, status)))
    for one in status.overrides:
        told = f"{clean(one.by)} over {', '.join(clean(gate) for gate in one.gates)}: {clean(one.reason)}"
        lines.append(_told(scene, "OVERRIDDEN by ", told, Role.WARNING))
    if status.by_hand and status.state.replace("-", "_") in {"not_obeyed", "going_back"}:
        lines.append(_told(scene, "by hand: ", clean(status.by_hand), Role.WARNING))
    return lines


def blocked(scene: Scene, status: Status) -> str:
    """What stands in the way of going up, in words: a gate with its state, the minimum time with what is left."""
    states = {**words.GRAVE, **words.HARD, **words.PEOPLE}
    states |= {
        f"gate:{gate.metric}": f"{gate.metric} ({gate.state.replace('-', ' ')}{needs(gate)})" for gate in status.gates
    }
    left_s = status.stage.min_s - status.stage.elapsed_s - scene.facts.passed_s(scene.now_s)
    if left_s > 0:
        states["min_time"] += f" ({figures.age(left_s)} left)"
    return ", ".join(clean(states.get(one, one.replace("_", " "))) for one in status.blocked_by)


def needs(gate: GateNow) -> str:
    """How much more a collecting gate needs to pass, as the daemon forecasts it."""
    if gate.needs is None:
        return ""
    requests, seconds = gate.needs.requests.mean, gate.needs.time_s.mean
    return f", needs about {figures.count(round(requests))} more, about {figures.length(seconds)}"


def _told(scene: Scene, what: str, text: str, role: Role = Role.PLAIN) -> Line:
    return crop(line("       ", Span(what + text + scene.stale, role)), scene.width)


def render_running(scene: Scene, status: Status, cells: int) -> str:
    """Triggers, who paused or claimed it, how fast it could be stopped, who started it: whole parts, as many as fit."""
    parts = [triggers(status)]
    if status.paused_by:
        parts.append(f"paused by {clean(status.paused_by)}")
    if status.claimed_by:
        parts.append(f"claimed by {clean(status.claimed_by)}")
    if status.breach_to_zero_s is not None and not status.ended:
        parts.append(f"breach to 0%: {status.breach_to_zero_s:.1f}s{scene.stale}")
    if status.started_at:
        when = figures.clock(status.started_at, scene.look.zone)
        parts.append(f"started {when} by {clean(status.started_by) or '?'}")
    while len(parts) > 1 and width("   ".join(parts)) > cells:
        parts.pop()
    return right("   ".join(parts), cells)


def worst_signal(scene: Scene, gates: list[GateNow]) -> Line:
    """The one gate that matters most, for screens without room for a table."""
    if not gates:
        return line("worst: no gates")
    gate = gates[0]
    role = Role.CRITICAL if gate.state == "fail" or gate.harm_evidence > 0.5 else Role.PLAIN
    told = f"harm {figures.evidence(gate.harm_evidence)}" if gate.state != "blind" else "no data"
    change = f" {figures.delta(gate.delta, gate.delta_kind)}" if gate.state != "blind" else ""
    text = f"worst: {clean(gate.metric)}{change} {told} {gate.state.upper()}{scene.stale}"
    return crop(line(Span(text, role)), scene.width)


def render_last(scene: Scene, status: Status, rows: int) -> list[Line]:
    """The newest entries of the record, newest first, as many as fit."""
    entries = list(reversed(status.last))[: max(0, rows)]
    if not entries:
        return []
    lines = []
    for at, entry in enumerate(entries):
        lead = Span(" LAST  " if at == 0 else "       ", Role.STRONG)
        when = figures.clock(entry.at, scene.look.zone, seconds=True)
        told = f"{when}  {fit(clean(entry.who), 10)} {clean(entry.what)}{_because(entry)}"
        lines.append(crop(line(lead, told), scene.width))
    return lines


def _because(entry: TimelineEntry) -> str:
    return f" ({clean(entry.why)})" if entry.why and entry.why != "-" else ""

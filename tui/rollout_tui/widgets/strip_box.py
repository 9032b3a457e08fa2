"""The confirm strip as at most six lines above the keys, so that the numbers stay visible while deciding. Pure."""

from __future__ import annotations

from rollout_tui.lines import Line, Role, Span, crop, fit, line, rule, wrap
from rollout_tui.strip import Step, Strip


def _asks(strip: Strip, now_s: float, abort: str) -> Line:
    """The strip's last line: what it waits for."""
    if strip.step is Step.NAME:
        return line(Span("Type the rollout's name: ", Role.STRONG), strip.typed + "_", "   Enter next   Esc no")
    if strip.step is Step.REASON:
        return line(Span("Reason: ", Role.STRONG), strip.reason + "_", "   Enter next   Esc no")
    if strip.step is Step.YES:
        wait = "" if strip.alive(now_s) else " (in a moment)"
        at = f" at revision {strip.revision}" if strip.revision is not None else ""
        return line(
            Span(f"y yes{at}{wait}", Role.STRONG), "   Esc n no", f"   {abort} abort instead" if strip.stoppable else ""
        )
    return line(Span("Esc close", Role.STRONG), f"   {abort} abort instead")


def render_strip(strip: Strip, width: int, now_s: float, abort: str = "a") -> list[Line]:
    """The strip in full width: a rule with the action, the facts, and the question."""
    role = Role.WARNING if strip.raises else Role.STRONG
    inner = width - 4
    rows = [row for text in strip.facts for row in wrap(text, inner, 2)][:3]
    lines = [line(Span(f"+-- {fit(strip.title, min(len(strip.title), width - 8))} ", role))]
    lines = [line(*lines[0], Span(rule(max(0, width - sum(len(one.text) for one in lines[0]) - 1)) + "+", role))]
    lines += [line(Span("| ", role), fit(row, inner), Span(" |", role)) for row in rows]
    asks = crop(line(Span(strip.note + "  ", Role.WARNING) if strip.note else "", *_asks(strip, now_s, abort)), inner)
    fill = inner - sum(len(span.text) for span in asks)
    lines.append(line(Span("| ", role), *asks, " " * fill, Span(" |", role)))
    lines.append(line(Span("+" + rule(width - 2) + "+", role)))
    return lines


def render_small_strip(strip: Strip, width: int, now_s: float, abort: str = "a") -> list[Line]:
    """The strip where there is no room for a box: the action, and the question."""
    title = [line(Span(text, Role.WARNING)) for text in wrap(strip.title, width, 2)]
    return [*title, crop(_asks(strip, now_s, abort), width)]

"""The last line: the keys that work now, made from the table of verbs. Pure; it is never scrolled or covered."""

from __future__ import annotations

from rollout_tui.actions import covers
from rollout_tui.lines import Line, Part, Role, Span, crop, line
from rollout_tui.link import LinkState
from rollout_tui.scene import Room, Scene
from rollout_tui.strip import Step
from rolloutd.verbs import BY_NAME, Risk

_ON_ROLLOUT = ("abort", "pause", "promote", "resume", "claim")


def _verb(scene: Scene, verb: str, *, now: bool) -> Span:
    """A key with its verb; dimmed where this role cannot use it. The daemon decides, this only saves a try."""
    row = BY_NAME[verb]
    text = f"{row.key} {'ABORT' if verb == 'abort' else verb}{' now' if now and verb == 'abort' else ''}"
    if row.risk is Risk.RAISES and (scene.facts.read_only or not covers(scene.facts.role, row.role)):
        return Span(f"{text} ({row.role})", Role.NOTICE)
    return Span(text, Role.CRITICAL if verb == "abort" else Role.PLAIN)


def render_keys(scene: Scene) -> Line:
    """The keys of this screen in its present state."""
    if scene.strip is not None and not scene.strip.steps:
        return crop(line(Span("Esc", Role.STRONG), " close   ", _verb(scene, "abort", now=False)), scene.width)
    if scene.strip is not None and scene.strip.step is not Step.YES:
        return crop(line(Span("Enter", Role.STRONG), " next   ", Span("Esc", Role.STRONG), " no"), scene.width)
    if scene.strip is not None:
        yes, no = Span("y", Role.STRONG), Span("Esc", Role.STRONG)
        return crop(line(yes, " confirms, nothing else does   ", no, " no"), scene.width)
    if scene.link is LinkState.LOST:
        rest = "other keys are not sent and not remembered   " if scene.width >= 80 else ""
        told = f"a keep trying ABORT   {rest}q {'back' if scene.on_rollout else 'quit'}"
        return crop(line(Span(told, Role.WARNING)), scene.width)
    if scene.link is LinkState.NEVER:
        return crop(line("q quit   ? help"), scene.width)
    status = scene.facts.status
    if scene.on_rollout and status is not None and status.ended:
        return crop(line("It has ended: nothing to stop.  w why  ? help  q back"), scene.width)
    parts: list[Part] = []
    if scene.room in {Room.TINY, Room.LINE}:
        parts = [_verb(scene, "abort", now=False), " ", _verb(scene, "pause", now=False), " ", "m r c w ? q"]
        return crop(line(*parts), scene.width)
    if not scene.on_rollout:
        parts = ["Enter open  / filter  s sort  " if scene.width >= 100 else "Enter / s  "]
    for verb in _ON_ROLLOUT:
        parts += [_verb(scene, verb, now=scene.on_rollout), "  "]
    leave = "q back" if scene.on_rollout else "q quit (the daemon goes on)" if scene.width >= 120 else "q quit"
    parts += ["w why  ? help  " if scene.on_rollout or scene.width >= 100 else "w ? ", leave]
    return crop(line(*parts), scene.width)

"""The last line: the keys that work now, made from the list of keys. Pure; it is never scrolled or covered."""

from __future__ import annotations

from rollout_tui.actions import by_hand, covers
from rollout_tui.lines import Line, Part, Role, Span, crop, line
from rollout_tui.link import LinkState
from rollout_tui.scene import Room, Scene, Tab
from rollout_tui.strip import Step
from rolloutd.verbs import BY_NAME, Risk

WORDS_FROM = 60
"""So many cells are enough for the words beside the keys."""
_ON_ROLLOUT = ("abort", "pause", "promote", "resume", "claim")


def _verb(scene: Scene, verb: str, *, now: bool) -> Span:
    """A key with its verb; dimmed where this role cannot use it. The daemon decides, this only saves a try."""
    row = BY_NAME[verb]
    text = f"{scene.keys.key(verb)} {'ABORT' if verb == 'abort' else verb}{' now' if now and verb == 'abort' else ''}"
    if row.risk is Risk.RAISES and (scene.facts.read_only or not covers(scene.role, row.role)):
        return Span(f"{text} ({row.role})", Role.NOTICE)
    return Span(text, Role.CRITICAL if verb == "abort" else Role.PLAIN)


def render_keys(scene: Scene) -> Line:
    """The keys of this screen in its present state."""
    if scene.strip is not None:
        return crop(_in_strip(scene), scene.width)
    key = scene.keys.key
    leave = f"{key('back')} {'back' if scene.on_rollout else 'quit'}"
    if scene.link is LinkState.LOST:
        rest = "other keys are not sent and not remembered   " if scene.width >= 80 else ""
        told = f"{key('abort')} keep trying ABORT   {rest}{key('by-hand')} by hand   {leave}"
        return crop(line(Span(told, Role.WARNING)), scene.width)
    if scene.link is LinkState.NEVER:
        return crop(line(f"{key('back')} quit   {key('help')} help   {key('by-hand')} by hand"), scene.width)
    if scene.on_rollout and scene.papers.replay is not None:
        return crop(_in_replay(scene), scene.width)
    status = scene.facts.status
    if scene.on_rollout and status is not None and status.ended:
        again = {"aborted": "reopen", "done": "rollback"}.get(status.outcome or "")
        revive = f"{key(again)} {again}  " if again and BY_NAME[again].built else ""
        told = f"It has ended: nothing to stop.  {revive}{key('why')} why  {key('help')} help  {leave}"
        return crop(line(told), scene.width)
    return crop(_alive(scene, leave), scene.width)


def _in_strip(scene: Scene) -> Line:
    """What answers the question; nothing else is worth naming now."""
    strip = scene.strip
    if strip is None or not strip.steps:
        return line(Span("Esc", Role.STRONG), " close   ", _verb(scene, "abort", now=False))
    if strip.step is not Step.YES:
        return line(Span("Enter", Role.STRONG), " next   ", Span("Esc", Role.STRONG), " no")
    return line(Span("y", Role.STRONG), " confirms, nothing else does   ", Span("Esc", Role.STRONG), " no")


def _in_replay(scene: Scene) -> Line:
    """Stepping, and what stops the present."""
    key = scene.keys.key
    steps = f"{key('step-back')} {key('step-on')} step  "
    if scene.width >= 80:
        steps += f"{key('event-back')} {key('event-on')} event  Space {_playing(scene)}  End live  "
    stop = f"{key('abort')} ABORT  {key('pause')} pause"
    return line(steps, Span(stop, Role.CRITICAL), Span(" (act on NOW, ask first)" if scene.width >= 100 else " NOW?"))


def _playing(scene: Scene) -> str:
    replay = scene.papers.replay
    return "stop" if replay is not None and replay.playing else "play"


def _alive(scene: Scene, leave: str) -> Line:
    """The usual keys."""
    key = scene.keys.key
    if scene.room is Room.TINY and scene.width >= WORDS_FROM:
        acts = [part for verb in _verbs(scene)[:-1] for part in (_verb(scene, verb, now=False), "  ")]
        return line(*acts, f"{key('why')} why  {key('help')} help  {leave}")
    if scene.room in {Room.TINY, Room.LINE}:
        others = " ".join(key(name) for name in ("promote", "resume", "claim", "why", "help", "back"))
        return line(_verb(scene, "abort", now=False), " ", _verb(scene, "pause", now=False), " ", others)
    parts: list[Part] = []
    if not scene.on_rollout:
        some = f"Enter open  {key('filter')} filter  {key('sort')} sort  "
        parts = [some if scene.width >= 100 else f"Enter {key('filter')} {key('sort')}  "]
    for verb in _verbs(scene):
        parts += [_verb(scene, verb, now=scene.on_rollout), "  "]
    if not scene.on_rollout and scene.width >= 120:
        parts += [_verb(scene, "start", now=False), "  ", _verb(scene, "hold", now=False), "  "]
    if not scene.on_rollout and scene.width >= 144:
        parts.append(f"{key('ended')} ended  ")
    if scene.width >= (120 if scene.on_rollout else 144):
        parts.append(f"{key('report')} report  ")
    wide = scene.on_rollout or scene.width >= 100
    parts.append(f"{key('why')} why  " if wide else f"{key('why')} ")
    if scene.on_rollout and scene.width >= 100:
        parts.append(_of_tab(scene))
    parts.append(f"{key('help')} help  " if wide else f"{key('help')} ")
    return line(*parts, leave)


def _verbs(scene: Scene) -> tuple[str, ...]:
    """The verbs that are named; where somebody has lowered the share by hand, the one that is for that alone."""
    status = scene.facts.status
    if not scene.on_rollout or status is None or not by_hand(status):
        return _ON_ROLLOUT
    others = _ON_ROLLOUT if scene.width >= 100 else tuple(verb for verb in _ON_ROLLOUT if verb != "promote")
    return (*others[:2], "reapply", *others[2:])


def _of_tab(scene: Scene) -> str:
    """Keys that only the open tab has."""
    key = scene.keys.key
    if scene.tab is Tab.CHARTS:
        return f"{key('range')} range  {key('view')} view  "
    if scene.tab is Tab.TIMELINE:
        return f"{key('step-back')} back in time  Space play  "
    return ""

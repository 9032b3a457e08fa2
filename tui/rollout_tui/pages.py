"""Whole screens as pure functions of a scene: exactly as many lines as the terminal has. They draw nothing themselves.

Head and foot are never cut or covered. The body gives way: the last entries first, then passing gates, then finished
stages; never the state, the shares, the worst signal, the NEXT line or the age of the link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures, words
from rollout_tui.keys import shown
from rollout_tui.lines import Line, Part, Role, Span, clean, crop, flow, line, middle, right, rule, wrap
from rollout_tui.link import LinkState
from rollout_tui.order import Sort, hidden
from rollout_tui.result import render as render_result
from rollout_tui.scene import Room, Scene, Tab
from rollout_tui.widgets.charts import render_charts
from rollout_tui.widgets.fleet_rows import render_heading, render_rows
from rollout_tui.widgets.gates import render_gates, sorted_gates
from rollout_tui.widgets.key_line import render_keys
from rollout_tui.widgets.ladder import render_ladder, render_small_ladder
from rollout_tui.widgets.link_line import (
    render_doubts,
    render_end,
    render_fleet_line,
    render_hosts,
    render_link,
    render_lost,
    render_never,
    render_rollout_line,
    render_sources,
    render_state,
)  # fmt: skip
from rollout_tui.widgets.past import render_past
from rollout_tui.widgets.plan import render_plan
from rollout_tui.widgets.segments import render_segments
from rollout_tui.widgets.story import blocked, render_last, render_next, render_running, worst_signal
from rollout_tui.widgets.strip_box import render_small_strip, render_strip
from rollout_tui.widgets.timeline import render_timeline

if TYPE_CHECKING:
    from rolloutd.wire import Status, Why

Lines = list[Line]
LEAST_NAME = 4
TAB_COMMANDS = ("stages", "charts", "segments", "record", "agreed")


def stack(scene: Scene, head: Lines, body: Lines, foot: Lines) -> tuple[Line, ...]:
    """The screen from its parts. When even head and foot do not fit, the foot wins: it holds the keys and questions."""
    foot = foot[-scene.height :]
    head = head[: scene.height - len(foot)]
    room = scene.height - len(head) - len(foot)
    filled = [*body[:room], *([()] * (room - len(body)))]
    return tuple(crop(one, scene.width) for one in (*head, *filled, *foot))


def render_foot(scene: Scene, keys: Line | None = None) -> Lines:
    """What an action said, what was noted, the strip, and the keys: those of the screen, or the given ones."""
    small = scene.room in {Room.TINY, Room.LINE}
    lines: Lines = []
    beat = scene.facts.beat
    if beat is not None and beat.message:
        text = words.DAEMON_SAYS.format(message=clean(beat.message))
        lines += [line(Span(row, Role.CRITICAL)) for row in wrap(text, scene.width, 2)]
    lines += _gaps(scene) if scene.strip is None else []
    if scene.result is not None:
        for one in render_result(scene.result, scene.now_s):
            rows = wrap("".join(span.text for span in one), scene.width, 2) if scene.result.said else []
            lines += [line(Span(row, one[0].role)) for row in rows] or flow(one, scene.width)
    if scene.note:
        lines += [line(Span(row, Role.WARNING)) for row in wrap(scene.note, scene.width, 2)]
    if scene.strip is not None:
        strip = render_small_strip if small else render_strip
        lines += strip(scene.strip, scene.width, scene.now_s, scene.keys.key("abort"))
    return [*lines, render_keys(scene) if keys is None or scene.strip is not None else keys]


def _gaps(scene: Scene) -> Lines:
    """What was away and is back: who started anew, then who was only silent, with the longest time of each."""
    lines: Lines = []
    for restarted, told in ((True, words.RESTARTED), (False, words.REGAINED)):
        gaps = [one for one in (scene.facts.gap.all if scene.facts.gap else ()) if one.restarted is restarted]
        if gaps:
            hosts = ", ".join(clean(one.host) for one in gaps if one.host)
            text = told.format(gap=figures.age(max(one.length_s for one in gaps)))
            rows = wrap(f"{hosts}: {text}" if hosts else text, scene.width, 2)
            lines += [line(Span(row, Role.WARNING)) for row in rows]
    return lines


def fleet_height(scene: Scene) -> int:
    """How many lines the list has."""
    head = 1 if scene.room is Room.TINY else 3
    lost = 6 if scene.link is LinkState.LOST else 0
    return max(1, scene.height - head - 1 - lost - len(render_foot(scene)))


def render_fleet(scene: Scene) -> tuple[Line, ...]:
    """The home screen: all rollouts, most urgent first."""
    if scene.link is LinkState.NEVER:
        return stack(scene, [render_fleet_line(scene)], render_never(scene), render_foot(scene))
    if scene.room is Room.LINE:
        return _fleet_in_a_line(scene)
    head = [render_fleet_line(scene)]
    if scene.room is not Room.TINY:
        head += [_fleet_settings(scene), line(rule(scene.width))]
    body: Lines = render_lost(scene) if scene.link is LinkState.LOST else []
    if not scene.facts.rows:
        return stack(scene, head, body + [line(" " + text) for text in words.NO_ROLLOUTS], render_foot(scene))
    body.append(render_heading(scene))
    body += render_rows(scene, fleet_height(scene))
    if not scene.listing.order and scene.listing.ended and not scene.listing.words:
        body.append(line(f" No rollout has ended yet.   {scene.keys.key('ended')} shows all"))
    elif not scene.listing.order:
        body.append(line(f" No rollout matches the filter  {scene.listing.words}   Esc clears it"))
    return stack(scene, head, body, render_foot(scene))


def _fleet_settings(scene: Scene) -> Line:
    """Line 2: the filter, the order, what they hide, and the ages of the sources."""
    listing = scene.listing
    typed = f"{clean(listing.words)}_" if listing.typing else clean(listing.words) or "none"
    parts: list[Part] = [
        *render_hosts(scene),
        Span(f"/ filter: {typed}", Role.STRONG if listing.typing else Role.PLAIN),
    ]
    if listing.ended:
        parts.append(Span(f"   {scene.keys.key('ended')} only what has ended", Role.STRONG))
    doubts = render_doubts(scene)
    parts += [Span("   "), *doubts] if doubts else []
    lost_sight = hidden(listing, scene.facts.rows)
    if lost_sight:
        by = "the filter" if listing.words else scene.keys.key("ended")
        parts.append(Span(f"   {lost_sight} that need you are hidden by {by}", Role.WARNING))
    sort = "newest end" if listing.ended else "attention" if listing.sort is Sort.ATTENTION else listing.sort.value
    parts += [f"   {scene.keys.key('sort')} sort: {sort}   {scene.bell}   ", render_sources(scene)]
    return crop(line(*parts), scene.width)


def _fleet_in_a_line(scene: Scene) -> tuple[Line, ...]:
    """The fleet where there is room for a line or a few: the row under the cursor."""
    row = scene.facts.rows.get(scene.listing.name)
    needs = f" {scene.facts.needs_you} NEED YOU"
    if row is None:
        return stack(scene, [line("no rollouts")], [], [])
    word = words.state_word(row.state)
    top = line(Span(f"{word.word} ", word.role), f"{row.name} {figures.share(row.asked)}{scene.stale}", needs)
    return _few(scene, top)


def _few(scene: Scene, top: Line, *more: Line) -> tuple[Line, ...]:
    """One to nine lines: a question first, then the state, then what fits."""
    if scene.strip is not None:
        return stack(scene, render_small_strip(scene.strip, scene.width, scene.now_s)[-scene.height :], [top], [])
    said = list(render_result(scene.result, scene.now_s)) if scene.result else []
    noted = [line(Span(scene.note, Role.WARNING))] if scene.note else []
    abort, pause = scene.keys.key("abort"), scene.keys.key("pause")
    keys = line(f"{abort}=try ABORT" if scene.link is LinkState.LOST else f"{abort}=abort {pause}=pause")
    if scene.height == 1:
        return (crop((said + noted + [(*top, Span(" "), *keys)])[0], scene.width),)
    return stack(scene, [top], [*noted, *said, *more], [keys])


def render_tabs(scene: Scene) -> Line:
    """The tabs with the open one in brackets."""
    names = [f"{scene.keys.key(command)} {tab.title()}" for tab, command in zip(Tab, TAB_COMMANDS, strict=True)]
    shown = [f"[{name}]" if tab is scene.tab else name for tab, name in zip(Tab, names, strict=True)]
    return line(" ".join(shown))


def render_rollout(scene: Scene) -> tuple[Line, ...]:
    """One rollout."""
    status = scene.facts.status
    if status is None:
        return _reading(scene)
    if scene.papers.replay is not None and scene.room is not Room.LINE:
        foot = render_foot(scene)
        return stack(scene, *render_past(scene, render_tabs(scene), scene.height - len(foot)), foot)
    if scene.room is Room.LINE:
        return _rollout_in_a_line(scene, status)
    if scene.room is Room.TINY:
        return _rollout_in_a_column(scene, status)
    tabs = render_tabs(scene)
    room = scene.width - sum(len(span.text) for span in tabs) - 2
    lost = scene.link is LinkState.LOST
    state = Span(right("NOTHING IS LIVE", room), Role.CRITICAL) if lost else Span(render_running(scene, status, room))
    second = line(*tabs, "  ", state)
    head = [render_rollout_line(scene, status), second]
    head += render_lost(scene) if lost else [line(rule(scene.width))]
    foot = render_foot(scene)
    room = scene.height - len(head) - len(foot)
    return stack(scene, head, _tab(scene, status, room), foot)


def _tab(scene: Scene, status: Status, room: int) -> Lines:
    """The body of the open tab in ``room`` lines."""
    if scene.tab is Tab.STAGES:
        return _stages(scene, status, room)
    if scene.tab is Tab.TIMELINE:
        return render_timeline(scene, room)
    if scene.tab is Tab.CHARTS:
        return render_charts(scene, status, room)
    if scene.tab is Tab.PLAN:
        return render_plan(scene, status, room)
    return render_segments(scene, status, room)


def _stages(scene: Scene, status: Status, room: int) -> Lines:
    """NEXT, ladder, gates, last entries: shared out so that what must never be cut is there."""
    bar = line(rule(scene.width))
    story = render_next(scene, status)
    wide = scene.room in {Room.WIDE, Room.NORMAL}
    gates = len(status.gates) + 1
    if wide:
        left = room - len(story) - 2 - gates
        ladder = render_ladder(scene, status, max(2, min(len(status.stages) + 1, left)))
    else:
        ladder = render_small_ladder(scene, status)
    left = room - len(story) - len(ladder) - 2
    body = [*story, bar, *ladder]
    if status.gates:
        body += [bar, *render_gates(scene, status, max(2, min(gates, left)))]
    spare = room - len(body) - 1
    if spare > 1:
        body += [bar, *render_last(scene, status, min(spare, 6 if wide else 3))]
    return body


def _reading(scene: Scene) -> tuple[Line, ...]:
    """Between opening a rollout and its first picture. Abort and pause work already."""
    name = scene.facts.name
    head = line(Span(name, Role.STRONG), "   ", render_link(scene))
    body: Lines = [line(" Reading the rollout ..." if scene.link is not LinkState.LOST else " No picture of it came.")]
    return stack(scene, [head], body, render_foot(scene))


def _rollout_in_a_column(scene: Scene, status: Status) -> tuple[Line, ...]:
    """Below 80x24: state, shares, next, worst signal and keys, one under the other."""
    on_new = status.on_new
    observed = "unknown" if on_new.observed is None else figures.share(on_new.observed)
    role = Role.PLAIN if on_new.confirmed_is_asked else Role.WARNING
    shares = f"asked {figures.share(on_new.asked)}{scene.stale} router {observed}{scene.stale}"
    if status.ended and on_new.observed is None:
        shares = render_end(status) + scene.stale
    head = [
        crop(line(Span(f"{status.name} {clean(status.challenger)}", Role.STRONG)), scene.width),
        line(render_state(scene, status.state), "  ", render_link(scene), "  ", _open_tab(scene)),
        line(Span(shares, role), "" if on_new.confirmed_is_asked else Span(" NOT CONFIRMED", role)),
    ]
    body: Lines = []
    if scene.link is LinkState.LOST:
        body.append(line(Span("NO CONTACT: nothing here is live", Role.CRITICAL)))
    rows = wrap(clean(status.next.sentence) + scene.stale, scene.width - 5, 3)
    body += [line(Span("NEXT " if at == 0 else "     ", Role.STRONG), row) for at, row in enumerate(rows)]
    body.append(worst_signal(scene, sorted_gates(status)))
    foot = render_foot(scene)
    if scene.tab is not Tab.STAGES:
        body += _tab(scene, status, scene.height - len(head) - len(body) - len(foot))
    else:
        body += render_small_ladder(scene, status)
        body += [line("blocked by: ", blocked(scene, status))] if status.blocked_by else []
    return stack(scene, head, body, foot)


def _open_tab(scene: Scene) -> str:
    """Which tab is open, and the key of the next one, where there is no room for all of them."""
    name = f"{scene.keys.key(TAB_COMMANDS[list(Tab).index(scene.tab)])} {scene.tab.title()}"
    return f"[{name}] {shown(scene.keys.key('next-tab'))} next"


def _rollout_in_a_line(scene: Scene, status: Status) -> tuple[Line, ...]:
    """Below 40x10: one line, ``ranker HARM 10.0% a=abort p=pause``, and a few more where there are some."""
    word = words.state_word(status.state)
    lost = Span("LOST ", Role.CRITICAL) if scene.link is LinkState.LOST else ""
    share = figures.share(status.on_new.asked) + scene.stale
    room = scene.first_width - len(word.word) - len(share) - 2 - (len(lost.text) if isinstance(lost, Span) else 0)
    name = f"{middle(status.name, min(room, len(status.name)))} " if room >= LEAST_NAME else ""  # state and share stay
    top = line(lost, name, Span(word.word, word.role), f" {share}")
    return _few(scene, top, line(render_link(scene)), line("NEXT ", clean(status.next.sentence)))


def render_why(scene: Scene, name: str, why: Why | None) -> tuple[Line, ...]:
    """The decision in words."""
    head = [line(Span(f"Why {name} is where it is", Role.STRONG), "   ", render_link(scene)), line(rule(scene.width))]
    if why is None:
        return stack(scene, head, [line(" Asking the daemon ...")], render_foot(scene))
    body = [line(" " + row) for text in why.lines for row in wrap(clean(text), scene.width - 2, 4)]
    following = wrap(clean(why.next.sentence), scene.width - 8, 3)
    body += [
        line(),
        *(line(Span("       " if at else " NEXT  ", Role.STRONG), row) for at, row in enumerate(following)),
    ]
    body.append(line())
    told = "The evidence bar is the part of the evidence needed, on a log scale. It is not a probability."
    body += [line(Span(" " + row, Role.NOTICE)) for row in wrap(told, scene.width - 2, 2)]
    return stack(scene, head, body, render_foot(scene))

"""The screen as it was after one entry of the record. Pure; nothing on it may read as if it were now.

Its rules are drawn with ``=``, line 1 says REPLAY and NOT LIVE, and what was only seen then (the router's share, the
evidence) is not made up: the record does not have it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rollout_tui import figures, words
from rollout_tui.lines import Line, Part, Role, Span, clean, crop, fit, line, middle, right, rule, spread, wrap
from rollout_tui.papers import metrics
from rollout_tui.scene import Scene, Tab
from rollout_tui.widgets.charts import render_charts
from rollout_tui.widgets.ladder import render_ladder, render_small_ladder
from rollout_tui.widgets.link_line import render_link, render_who
from rollout_tui.widgets.plan import render_plan
from rollout_tui.widgets.timeline import render_timeline

if TYPE_CHECKING:
    from rolloutd.pictures import Past, Series


def as_then(scene: Scene, past: Past) -> Scene:
    """The scene with that moment's facts; its clocks stand still."""
    return replace(scene, facts=replace(scene.facts, status=past.status, status_s=scene.now_s))


def render_past_line(scene: Scene) -> Line:
    """Line 1: the rollout, REPLAY with its time and how long ago, and how the link to the present is."""
    past, now = scene.papers.past, figures.moment(scene.facts.as_of)
    when = "" if past is None else figures.clock(past.at, scene.look.zone, seconds=True)
    moment = None if past is None else figures.moment(past.at)
    ago = "" if moment is None or now is None else f" ({figures.age((now - moment).total_seconds())} ago)"
    far: list[Part] = [Span(f"REPLAY {when}  NOT LIVE{ago}", Role.CRITICAL)]
    if scene.width >= 80:
        far += ["  now: ", render_link(scene)]
    if scene.width >= 100:
        far += ["  ", render_who(scene)]
    room = max(5, scene.first_width - sum(len(one if isinstance(one, str) else one.text) for one in far) - 2)
    status = scene.facts.status
    named = scene.facts.name
    if status is not None and len(f"{named} {status.champion} > {status.challenger}") <= room:
        named = f"{named} {clean(status.champion)} > {clean(status.challenger)}"
    return spread(line(Span(middle(named, min(room, max(5, len(named)))), Role.STRONG)), line(*far), scene.first_width)


def render_past(scene: Scene, tab: Line, room: int) -> tuple[list[Line], list[Line]]:
    """Head and body of a replay. ``room`` is for both."""
    past, key = scene.papers.past, scene.keys.key
    back = f"{key('live').capitalize()} or Esc = back to live"
    head = [render_past_line(scene)]
    if scene.width >= 60:
        head.append(crop(line(*tab, "   ", Span(back, Role.WARNING)), scene.width))
    head.append(line(Span(rule(scene.width, char="="), Role.WARNING)))
    if past is None:
        return head, [line(" Reading how it was ...")]
    then = as_then(scene, past)
    left = room - len(head)
    if scene.tab is Tab.CHARTS:
        return head, render_charts(then, past.status, left, until=past.at)
    if scene.tab is Tab.PLAN:
        return head, render_plan(then, past.status, left)
    if scene.tab is Tab.SEGMENTS:
        return head, [line(), *(line(" " + row) for row in wrap(words.PAST_SEGMENTS, scene.width - 2, 4))]
    body = _moment(then, past)
    if scene.tab is Tab.TIMELINE:
        return head, [*body, *render_timeline(then, left - len(body))]
    return head, [*body, *_stages_then(then, past, left - len(body))]


def _moment(scene: Scene, past: Past) -> list[Line]:
    """What held then, and what came next."""
    status = past.status
    word = words.state_word(status.state)
    asked, confirmed = figures.share(status.on_new.asked), figures.share(status.on_new.confirmed)
    parts: list[Part] = [
        " at this moment: ",
        Span(word.word, word.role),
        f", asked {asked}, router had confirmed {confirmed}",
    ]
    if status.paused_by:
        parts.append(f", paused by {clean(status.paused_by)}")
    if status.claimed_by:
        parts.append(f", claimed by {clean(status.claimed_by)}")
    following = clean(past.then) or "nothing yet; this is the newest entry"
    return [crop(line(*parts), scene.width), crop(line(" what came next: ", following), scene.width)]


def _stages_then(scene: Scene, past: Past, room: int) -> list[Line]:
    """The ladder and the gates' counts as they were."""
    status = past.status
    wide = scene.width >= 100
    ladder = render_ladder(scene, status, len(status.stages) + 1) if wide else render_small_ladder(scene, status)[:1]
    gates = [line(Span(fit(_heading(scene.width), scene.width), Role.NOTICE))]
    gates += [_gate(scene, past, metric) for metric in metrics(status, scene.papers) or sorted(scene.papers.series)]
    bar = line(rule(scene.width, char="="))
    return [bar, *ladder, bar, *gates][: max(0, room)]


def _heading(cells: int) -> str:
    text = f" {fit('METRIC', 18)}{right('CHAMPION', 10)}{right('CHALLENGER', 12)}{right('DELTA', 10)}"
    return text + ("   SAMPLES ON STAGE BY THEN     LAST SAID" if cells >= 100 else "   LAST SAID")


def _gate(scene: Scene, past: Past, metric: str) -> Line:
    """What one gate had counted on its stage by then, and what it had last said."""
    said = past.said.get(metric, "nothing yet").replace("-", " ").upper()
    name = f" {fit(middle(clean(metric), 17), 18)}"
    counted = _counted(scene.papers.series.get(metric), past)
    if counted is None:
        return crop(line(name, fit("  no ticks of that time", 34), f"   {said}"), scene.width)
    champion_n, champion_bad, challenger_n, challenger_bad = counted
    old = champion_bad / champion_n if champion_n > 0 else None
    new = challenger_bad / challenger_n if challenger_n > 0 else None
    delta = None if old is None or new is None else new - old
    numbers = f"{right(figures.rate(old), 10)}{right(figures.rate(new), 12)}{right(figures.delta(delta, ''), 10)}"
    samples = f"   {figures.count(int(champion_n))} / {figures.count(int(challenger_n))}"
    return crop(line(name, numbers, fit(samples, 29) if scene.width >= 100 else "", f"   {said}"), scene.width)


def _counted(series: Series | None, past: Past) -> tuple[float, float, float, float] | None:
    """The counts from the stage's beginning to then; None where its ticks are not (or no longer) kept."""
    here = [stage for stage in past.status.stages if stage.index == past.status.stage.index and stage.entered_at]
    begin, end = figures.moment(here[0].entered_at) if here else None, figures.moment(past.at)
    if series is None or begin is None or end is None:
        return None
    first = figures.moment(series.points[0].at) if series.points else None
    if first is None or (first - begin).total_seconds() > 3 * series.every_s + 60:
        return None
    inside = [one for one in series.points if (at := figures.moment(one.at)) is not None and begin <= at <= end]
    if not inside:
        return None
    return (
        sum(one.champion_n for one in inside), sum(one.champion_bad for one in inside),
        sum(one.challenger_n for one in inside), sum(one.challenger_bad for one in inside),
    )  # fmt: skip

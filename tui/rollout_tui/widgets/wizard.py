"""The pages of the start wizard as lines: the questions, and what the daemon says to the answers. Pure.

It calculates nothing: traffic, recommendation, forecast and refusal are the daemon's, shown as they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures, words
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, rule, spread, wrap
from rollout_tui.pages import render_foot, stack
from rollout_tui.scene import Room, Scene
from rollout_tui.widgets.dry_run import LABEL, fact, may_start, refusal, render_dry_run
from rollout_tui.widgets.link_line import render_link, render_who
from rollout_tui.wizard import GATE, Field, Page, Wizard
from rolloutd.wire import Problem

if TYPE_CHECKING:
    from rolloutd.wire_start import Advice

Lines = list[Line]


def render_wizard(scene: Scene, wizard: Wizard) -> tuple[Line, ...]:
    """The open page: title, questions, what the daemon says, and the keys."""
    foot = render_foot(scene, render_wizard_keys(scene, wizard))
    if scene.room is Room.LINE:
        return stack(scene, [], [_asked(scene, wizard, wizard.field, cursor=True)] if wizard.field else [], foot)
    pages = " ".join(f"[{_title(page)}]" if page is wizard.page else _title(page) for page in Page)
    if scene.room is Room.TINY:
        pages = f"[{_title(wizard.page)}]"
    left = line(Span("New rollout  ", Role.STRONG), pages)
    head = [spread(left, line(render_link(scene), "  ", render_who(scene)), scene.first_width), line(rule(scene.width))]
    notes = (
        [line(Span(" " + row, Role.WARNING)) for row in wrap(wizard.note, scene.width - 2, 2)] if wizard.note else []
    )
    room = scene.height - len(head) - len(foot) - len(notes)
    questions, at = _questions(scene, wizard)
    said = _said(scene, wizard)
    body = [*questions, *([line(rule(scene.width))] if questions and said else []), *said]
    if len(body) > room:  # the question under the cursor stays in sight
        top = max(0, min(at - room // 2, len(questions) - 1)) if at >= room else 0
        body = body[top:]
    return stack(scene, head, [*body[:room], *[()] * (room - len(body)), *notes], foot)


def render_wizard_keys(scene: Scene, wizard: Wizard) -> Line:
    """The keys of the open page."""
    key = scene.keys.key
    if wizard.page is Page.DRY:
        back = "Enter asks y to start   " if may_start(wizard) else ""
        return crop(line(f"{back}Esc back to the plan   {key('copy')} copy   {key('help')} help"), scene.width)
    if scene.room in {Room.TINY, Room.LINE}:
        return crop(line("Enter next  arrows change  Esc back"), scene.width)
    typed = wizard.field is not None and wizard.field.typed
    text = "letters write   " if typed else f"{key('help')} help   "
    turn = "Left Right change   " if wizard.field is not None and wizard.field.choices else ""
    leave = "Esc leave" if wizard.page is Page.WHAT else "Esc back"
    return crop(line(f"Enter next page   Up Down question   {turn}{text}{leave}"), scene.width)


def _title(page: Page) -> str:
    return f"{list(Page).index(page) + 1} {page.value.capitalize()}"


def _questions(scene: Scene, wizard: Wizard) -> tuple[Lines, int]:
    """The page's questions, a line each, and which one is under the cursor."""
    asked = wizard.fields()
    at = min(wizard.at, len(asked) - 1)
    return [_asked(scene, wizard, one, cursor=k == at) for k, one in enumerate(asked)], at


def _asked(scene: Scene, wizard: Wizard, field: Field, *, cursor: bool) -> Line:
    """One question with its answer, what it means, and how many others there are."""
    value = wizard.value(field.name)
    meant = dict(field.choices).get(value)
    shown = _written(value, scene.width - LABEL - 4, cursor=cursor) if field.typed else clean(meant or value)
    if field.choices and cursor and len(field.choices) > 1:
        shown = f"< {shown} >"
    more = clean(meant) if field.typed and meant else ""
    if field.name == "strategy" and wizard.strategy is not None:
        one = wizard.strategy
        least, most = figures.length(one.least_s), figures.length(one.most_s)
        more = f"{clean(one.stages)}   {least} to {most}"
    if cursor and len(field.choices) > 1:
        values = [choice for choice, _ in field.choices]
        place = (
            f"{values.index(value) + 1} of {len(values)}" if value in values else f"your own, of {len(values)} known"
        )
        more = f"{more}   ({place})" if more else f"({place})"
    label = fit(f" {field.label}", LABEL if not field.name.startswith(GATE) else max(LABEL, len(field.label) + 3))
    text = f"{label} {shown}" + (f"   {more}" if more else "")
    return (Span(fit(text, scene.width), Role.STRONG if cursor else Role.PLAIN, cursor),)


def _written(value: str, cells: int, *, cursor: bool) -> str:
    """A text as far as it fits: while it is written its end, else its beginning."""
    text = clean(value)
    if not cursor:
        return fit(text, cells).rstrip()
    return (f"..{text[3 - cells :]}" if len(text) >= cells else text) + "_"


def _said(scene: Scene, wizard: Wizard) -> Lines:
    """What the daemon says to the answers of this page."""
    if wizard.choices is None:
        return [line(" Asking the daemon what there is ...")]
    if not wizard.choices.routes:
        return [line(" The daemon's configuration has no route, so there is nothing to start on. Next: rolloutd check")]
    if wizard.page is Page.WHAT:
        return _about_route(scene, wizard)
    if wizard.page is Page.RISK:
        return _advice(scene, wizard)
    if wizard.page is Page.PLAN:
        return _plan(scene, wizard)
    return render_dry_run(scene, wizard)


def _about_route(scene: Scene, wizard: Wizard) -> Lines:
    route = wizard.route
    if route is None:
        return []
    told = ", ".join(route.segments)
    who = f"everybody on the route; told apart by segment: {told}" if told else "everybody on the route alike"
    copies = "may be copied to the challenger" if route.mirror_is_safe else "are never copied: nobody says that is safe"
    body = [
        *fact(scene, "MODEL", route.model),
        *fact(scene, "AFFECTED", who),
        *fact(scene, "REQUESTS", copies),
    ]
    if route.live:
        body += fact(scene, "IN USE", f"{route.live} is live on this route; it must end first.", Role.WARNING)
    if route.trouble:
        body += fact(scene, "NOT KNOWN", route.trouble, Role.WARNING)
    return body


def _advice(scene: Scene, wizard: Wizard) -> Lines:
    found = wizard.advice
    if found is None or wizard.advised != wizard.answers():
        return [line(" Measuring the traffic of the route now; that takes two readings of its metrics ...")]
    if isinstance(found, Problem):
        return refusal(scene, found)
    body: Lines = []
    if found.traffic is not None:
        seen = found.traffic
        told = f"{seen.rps:,.3g} requests a second, {figures.rate(seen.champion_rate)} bad ({clean(seen.basis)})"
        body += fact(scene, "TRAFFIC", told)
    if found.recommendation is not None:
        body += _recommended(scene, found)
    else:
        body += fact(scene, "NOT KNOWN", words.NO_ADVICE, Role.WARNING)
    for text in found.warnings:
        body += fact(scene, "NOTE", text, Role.WARNING)
    return body


def _recommended(scene: Scene, found: Advice) -> Lines:
    """The answer, its rule, the runner-up, and what would go unseen."""
    best = found.recommendation
    if best is None:
        return []
    other, unseen = best.runner_up, best.unseen
    told = "any harm at all" if unseen.unseen_ratio is None else f"harm up to x{unseen.unseen_ratio:.2f}"
    body = fact(scene, "RECOMMENDED", f"{best.strategy}: {best.stages}, {best.lasts}", Role.STRONG)
    body += fact(scene, "  by rule", f"{best.rule}: {best.because}")
    body += fact(scene, "RUNNER-UP", f"{other.strategy}: {other.stages}, {other.lasts} ({other.because})")
    body += fact(scene, "UNSEEN", f"in {unseen.hours:g} h at 1% {told} goes unseen; a deadline changes no answer")
    body += fact(scene, "HERE", found.carried_out, Role.PLAIN if found.strategy else Role.WARNING)
    for note in best.notes:
        body += fact(scene, "SEE TO", note)
    return body


def _plan(scene: Scene, wizard: Wizard) -> Lines:
    body: Lines = []
    one = wizard.strategy
    if one is not None and one.gates:
        body += fact(scene, "BRINGS ALONG", f"gates on {', '.join(one.gates)}, as the configuration has them")
    found = wizard.advice
    if found is not None and not isinstance(found, Problem) and found.recommendation is not None:
        best = found.recommendation
        if found.strategy and found.strategy == wizard.value("strategy"):
            body += fact(scene, "RECOMMENDED", f"this one, by rule {best.rule}: {best.because}")
        else:
            told = f"another one: {best.strategy}, by rule {best.rule}: {best.because}"
            body += fact(scene, "RECOMMENDED", told, Role.WARNING)
    needed = "needed, as this is not the standard strategy" if wizard.needs_reason else "may be left out"
    body += fact(scene, "A REASON IS", f"{needed}; it stays in the record for ever")
    body += fact(scene, "MARGINS", "those of the policy; a rollout file can say others (docs/gates.md)")
    return body

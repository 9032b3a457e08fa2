"""The wizard's last page: what the daemon's dry run and checks say of the plan, stage by stage. Pure.

It calculates nothing; whether ``y`` may be asked for follows from the daemon's own yes and from its checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures
from rollout_tui.lines import Line, Role, Span, clean, fit, line, right, wrap
from rollout_tui.scene import Scene
from rollout_tui.wizard import Wizard, as_file
from rolloutd.wire import Problem

if TYPE_CHECKING:
    from rolloutd.wire import ActionDone
    from rolloutd.wire_plan import PlanOutlook, StageOutlook

Lines = list[Line]
LABEL = 17


def may_start(wizard: Wizard) -> bool:
    """Whether the dry run of exactly this plan went well, and no check of its route failed."""
    dry = wizard.dry
    fine = dry is not None and not isinstance(dry, Problem) and dry.accepted
    return fine and wizard.tried == wizard.spec() and not failed(wizard)


def failed(wizard: Wizard) -> list[str]:
    """The checks of the picked route that say no."""
    return [f"{clean(one.name)}: {clean(one.detail)}" for one in wizard.checks if one.ok is False]


def fact(scene: Scene, label: str, text: str, role: Role = Role.PLAIN, most: int = 3) -> Lines:
    """A fact under its label."""
    rows = wrap(clean(text), scene.width - LABEL - 2, most)
    return [line(fit(f" {label}" if k == 0 else "", LABEL), " ", Span(row, role)) for k, row in enumerate(rows)]


def refusal(scene: Scene, found: Problem) -> Lines:
    """A refusal in its three parts."""
    return [
        *fact(scene, "REFUSED", found.message, Role.WARNING, 6),
        *fact(scene, "TRAFFIC", found.traffic),
        *fact(scene, "NEXT", found.next),
    ]


def render_dry_run(scene: Scene, wizard: Wizard) -> Lines:
    """The dry run: whether it would start, each stage with what it takes, what is armed, and the checks."""
    dry = wizard.dry
    if dry is None or wizard.tried != wizard.spec():
        return [line(" Dry run: measuring the traffic and forecasting every stage; nothing is started by it ...")]
    if isinstance(dry, Problem):
        return refusal(scene, dry)
    against = failed(wizard)
    verdict = "WOULD START" if may_start(wizard) else "WOULD NOT START"
    role = Role.GOOD if may_start(wizard) else Role.WARNING
    body = [line(Span(f" {verdict}  ", role), Span(clean(dry.name), Role.STRONG), f"  {_versions(wizard)}")]
    for text in against:
        body += fact(scene, "CHECK SAYS NO", text, Role.WARNING)
    body += fact(scene, "SAYS", dry.message)
    return [*body, *_outlook(scene, dry, wizard), *_same_by_command(scene, wizard)]


def _versions(wizard: Wizard) -> str:
    return f"{clean(wizard.value('champion'))} > {clean(wizard.value('challenger'))} on {wizard.answers()['route']}"


def _outlook(scene: Scene, dry: ActionDone, wizard: Wizard) -> Lines:
    plan = dry.plan
    if plan is None:
        return []
    body: Lines = []
    if plan.stages:
        body += [line(), *_table(scene, plan.stages)]
        total = figures.length(plan.total_s.p90) if plan.total_s else "not known"
        told = f"nine of ten harmless versions are through in {total}; all in time with odds of {plan.odds_in_time:.0%}"
        body += fact(scene, "ALL", told)
    body += fact(scene, "ARMED", _armed(plan))
    body += fact(scene, "WHEN BLIND", _blind(plan))
    seen = ", ".join(f"{clean(one.metric)} {one.rps:,.3g}/s" for one in plan.traffic) or "nothing could be measured"
    good = [clean(one.name) for one in wizard.checks if one.ok]
    body += fact(scene, "CHECKED", f"measured {seen}; {', '.join(good) or 'no check of the route answered'}")
    for text in plan.warnings:
        body += fact(scene, "NOTE", text, Role.WARNING)
    return body


def _same_by_command(scene: Scene, wizard: Wizard) -> Lines:
    """The rollout's file, where there is room for it."""
    text = as_file(wizard.tried or {})
    told = [line(), line(Span(" The same by command:  rollout start FILE  with this FILE:", Role.NOTICE))]
    return [*told, *(line(Span("   " + row, Role.NOTICE)) for row in text)] if scene.height >= 32 else []


def _armed(plan: PlanOutlook) -> str:
    gates = {gate.metric: gate for stage in plan.stages for gate in stage.gates}
    told = [f"{one.metric} (harm {one.harm_margin}: {one.on_fail})" for one in gates.values()]
    return ", ".join(told) + " at every stage" if told else "the plan's gates; no forecast of them without traffic"


def _blind(plan: PlanOutlook) -> str:
    if plan.blind_hold_s is None or plan.blind_recede_s is None:
        return "nothing goes up; this daemon does not say when it goes back"
    held = f"after {figures.length(plan.blind_hold_s)} " if plan.blind_hold_s >= 1 else ""
    back = figures.length(plan.blind_recede_s)
    return f"nothing goes up {held}without data; after {back} all traffic goes back by itself"


def _table(scene: Scene, stages: list[StageOutlook]) -> Lines:
    """Each stage: what it has, what nine of ten need, and the least harm that it sees in time."""
    wide = scene.width >= 100
    rows = [line(_in_columns(_COLUMNS, [title for title, _, _ in _COLUMNS], wide=wide))]
    for one in stages:
        text = _in_columns(_COLUMNS, _cells(one), wide=wide)
        rows.append(line(Span(text, Role.PLAIN if one.decides else Role.WARNING)))
    return rows


_COLUMNS = (
    ("SHARE", 8, True), ("REQ/S NEW", 11, True), ("LEAST", 8, True), ("MOST", 8, False), ("NEEDS REQUESTS", 16, False),
    ("TAKES", 8, True), ("SEES HARM OF", 14, True), ("IN TIME", 9, True),
)  # fmt: skip
"""Title, width, and whether it is there in a narrow terminal, too."""


def _in_columns(columns: tuple[tuple[str, int, bool], ...], cells: list[str], *, wide: bool) -> str:
    stage, *rest = cells if len(cells) > len(columns) else [" STAGE", *cells]
    kept = [right(text, size) for text, (_, size, always) in zip(rest, columns, strict=True) if wide or always]
    return fit(stage, 17 if wide else 14) + "".join(kept)


def _cells(one: StageOutlook) -> list[str]:
    seen = [gate.smallest_harm for gate in one.gates if gate.smallest_harm is not None]
    return [
        f" {one.index} {clean(one.name)}",
        figures.share(one.share),
        f"{one.rps:,.0f}" if one.rps >= 10 else f"{one.rps:,.1f}",
        figures.length(one.min_s),
        figures.length(one.max_s),
        "-" if one.requests is None else figures.count(round(one.requests.p90)),
        figures.length(one.stay_s.p90) if one.stay_s else "never",
        f"x{max(seen):.2f}" if seen else "-",
        f"{one.odds_in_time:.0%}",
    ]

"""The ladder of stages: where the rollout was, is and goes. Pure; finished stages are the first to give way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, right, width
from rollout_tui.scene import Scene
from rollout_tui.widgets.gates import counts

if TYPE_CHECKING:
    from rolloutd.wire import StageRow, Status

_ROLES = {"passed": Role.GOOD, "running": Role.STRONG, "waiting": Role.PLAIN, "overridden": Role.WARNING}


def render_ladder(scene: Scene, status: Status, rows: int) -> list[Line]:
    """Heading and one line a stage; with too few ``rows`` the finished stages are counted instead of shown."""
    samples = fit("SAMPLES champion/challenger", 28) if scene.width >= 120 else ""
    heading = f" {fit('STAGE', 15)}{right('SHARE', 7)}   {fit('TIME ON STAGE', 21)}{fit('GATES', 28)}{samples}RESULT"
    stages = list(status.stages)
    gone = max(0, min(len(stages) + 1 - rows, status.stage.index))
    lines = [line(Span(fit(heading, scene.width), Role.NOTICE))]
    if gone:
        lines[0] = line(Span(fit(f" STAGES  {gone} finished not shown", scene.width), Role.NOTICE))
    shown = stages[gone:]
    return lines + [_row(scene, status, stage) for stage in shown][: max(0, rows - 1)]


def _time(scene: Scene, status: Status, stage: StageRow) -> str:
    """How long of how long."""
    if stage.index == status.stage.index and not status.ended:
        spent_s = status.stage.elapsed_s + scene.facts.passed_s(scene.now_s)
        return f"{figures.age(spent_s)}{scene.stale} of {figures.length(stage.min_s)} to {figures.length(stage.max_s)}"
    if stage.elapsed_s is not None and stage.entered_at:
        return f"{figures.length(stage.elapsed_s)} of {figures.length(stage.min_s)}"
    return f"min {figures.length(stage.min_s)}" if stage.min_s else f"max {figures.length(stage.max_s)}"


def _row(scene: Scene, status: Status, stage: StageRow) -> Line:
    """One stage."""
    here = stage.index == status.stage.index and not status.ended
    name = fit(f"{'>' if here else ' '}{stage.index + 1} {clean(stage.name)}", 16)
    samples = "-"
    if stage.champion_n or stage.challenger_n:
        samples = f"{figures.count(stage.champion_n)} / {figures.count(stage.challenger_n)}{scene.stale}"
    result = stage.result or "-"
    if stage.left_at:
        result += f" {figures.clock(stage.left_at, scene.look.zone)}"
    told = counts(status) + scene.stale if here and status.gates else "-"
    body = (
        f"{right(figures.share(stage.share), 7)}   {fit(_time(scene, status, stage), 21)}"
        f"{fit(fit(told, 27), 28)}{fit(samples, 28) if scene.width >= 120 else ''}"
    )
    role = Role.STRONG if here else Role.PLAIN
    return crop(line(Span(name, role), body, Span(result, _ROLES.get(stage.result, Role.PLAIN))), scene.width)


def render_small_ladder(scene: Scene, status: Status) -> list[Line]:
    """All stages on one line and the samples on another; where the line is too long, finished stages go first."""
    parts = [_short(scene, status, stage) for stage in status.stages]
    gone = 0
    while gone < status.stage.index and sum(width(part) + 3 for part in parts[gone:]) > scene.width - 6:
        gone += 1
    spans: list[Span] = [Span(f"{scene.stale or ' '}..  " if gone else scene.stale or " ")]
    for stage, part in list(zip(status.stages, parts, strict=True))[gone:]:
        here = stage.index == status.stage.index and not status.ended
        spans += [Span(part, Role.STRONG if here else Role.PLAIN), Span("   ")]
    stages = [stage for stage in status.stages if stage.index == status.stage.index]
    lines = [crop(tuple(spans), scene.width)]
    if stages and not status.ended:
        samples = (
            f" samples champion {figures.count(stages[0].champion_n)}{scene.stale}"
            f"  challenger {figures.count(stages[0].challenger_n)}{scene.stale}   gates {counts(status)}{scene.stale}"
        )
        lines.append(crop(line(samples), scene.width))
    return lines


def _short(scene: Scene, status: Status, stage: StageRow) -> str:
    """One stage in a few words."""
    text = f"{stage.index + 1} {clean(stage.name)} {figures.share(stage.share)}"
    if stage.index == status.stage.index and not status.ended:
        spent_s = status.stage.elapsed_s + scene.facts.passed_s(scene.now_s)
        return f">{text} {figures.age(spent_s)}{scene.stale} of {figures.length(stage.min_s)}"
    return f"{text} {stage.result}" if stage.result else text

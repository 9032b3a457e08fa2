"""What the configuration offers for a start, and which of its strategies carries a recommendation out. Pure.

It reads no file and asks nobody; who is on a route and how much traffic there is, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rolloutd.core.metrics import GateKind
from rolloutd.core.plan import Stage
from rolloutd.core.values import ZERO
from rolloutd.settings.tree import Settings
from rolloutd.wire_start import MetricChoice, StrategyChoice
from rolloutd.wording import margin_words


@dataclass(frozen=True, slots=True)
class Offered:
    """The strategies with their stages, the metrics, and the strategy that needs no reason."""

    strategies: Mapping[str, Sequence[Stage]] = field(default_factory=dict)
    gates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    metrics: Sequence[MetricChoice] = ()
    standard: str = ""

    def choices(self) -> list[StrategyChoice]:
        """The strategies as pictures, the standard one first."""
        names = sorted(self.strategies, key=lambda name: name != self.standard)
        return [self._choice(name, self.strategies[name]) for name in names]

    def _choice(self, name: str, stages: Sequence[Stage]) -> StrategyChoice:
        return StrategyChoice(
            name=name,
            stages=" > ".join(map(_stage_words, stages)),
            least_s=sum(stage.min_time_ms for stage in stages) / 1000,
            most_s=sum(stage.max_time_ms for stage in stages) / 1000,
            gates=list(self.gates.get(name, ())),
        )


NOTHING_OFFERED = Offered()


def offered(settings: Settings) -> Offered:
    """What this configuration offers."""
    metrics = []
    for metric in settings.metrics.values():
        kind, policy = metric.template.kind, settings.policy
        margins = policy.latency if kind is GateKind.LATENCY else policy.errors
        words = [margin_words(one.margin()) for one in (margins.harm, margins.accept)]
        told = "" if kind.of_pairs else f"harm {words[0]}, accept {words[1]}"
        metrics.append(MetricChoice(name=metric.name, kind=kind.value, margins=told, of_pairs=kind.of_pairs))
    return Offered(
        {name: one.stages for name, one in settings.strategies.items()},
        {name: [gate.metric for gate in one.gates] for name, one in settings.strategies.items()},
        metrics,
        settings.policy.default_strategy,
    )


def carried_out_by(answer: str, here: Offered) -> str:
    """The configured strategy for a recommended one: of its name, else of its shape; empty where there is none."""
    if answer in {"standard", "larger-first-share"}:
        return here.standard  # the policy's own; the rule for low traffic enlarges its first share itself
    if answer in here.strategies:
        return answer
    fits = _SHAPES.get(answer)
    return "" if fits is None else next((name for name, stages in here.strategies.items() if fits(stages)), "")


def _shadow(stages: Sequence[Stage]) -> bool:
    return stages[0].shadow and len(stages) > 1


def _rings(stages: Sequence[Stage]) -> bool:
    return any(stage.segments for stage in stages)


_SHAPES: Mapping[str, Callable[[Sequence[Stage]], bool]] = {
    "blue-green": lambda stages: stages[0].preview and len(stages) == 2,
    "shadow-canary": lambda stages: _shadow(stages) and not _rings(stages),
    "shadow-sign-off": lambda stages: _shadow(stages) and any(stage.approval for stage in stages),
    "segments": lambda stages: _rings(stages) and not _shadow(stages),
    "shadow-segments": lambda stages: _shadow(stages) and _rings(stages),
}


def _stage_words(stage: Stage) -> str:
    """A stage as short as the screen says it."""
    if stage.shadow:
        return f"shadow of {stage.mirror}"
    if stage.preview:
        return "preview 0%"
    at = ", ".join(stage.segments)
    share = stage.own_share if stage.own_share > ZERO else stage.share
    return f"{at} {share}" if at else str(share)

"""The evidence that takes a challenger back: it errs more often than the margin allows; it must not judge safety."""

from collections.abc import Mapping, Sequence
from math import log
from typing import NamedTuple, Self

from rolloutd.core.stats import aim, gro, robust, slices
from rolloutd.core.stats.block import Block
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.earlier import NOTHING_KNOWN, Clinging
from rolloutd.core.stats.grid import HARM, HARM_LATE
from rolloutd.core.stats.increment import AnyTick
from rolloutd.core.stats.learnt import Learnt
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.restart import Restart

GROSS_FACTOR = 3.0  # during a warm-up only harm beyond this ratio counts
LOPSIDED = 0.75
SPILLING_BLOCK = 4
CALM = 1.0
_TOTALS_WEIGHTS = (HARM.log_weights, HARM_LATE.log_weights)
_SLICED_WEIGHTS = tuple(tuple(w - log(2.0) for w in (*weights, *weights)) for weights in _TOTALS_WEIGHTS)


class HarmEvidence(NamedTuple):
    """Evidence that the challenger errs more often than the margin allows, carried through the whole rollout.

    Nine effects in the restart mixture; at most alpha of all harmless rollouts ever reach log(1/alpha).
      - Usual: the bet of `robust`, exact however errors cling together inside a tick. With `sliced`, half of the mass
        bets on `slices` instead, where a tick has them and the margin is a ratio of at least 1.
      - Challenger with over 75 % of the weight (a watch with a small holdback), where that bet says next to nothing:
        the mixture of `gro` for rare events, divided by the dispersion; exact for independent errors, for bursts as
        good as the dispersion, which the stages before have taught.
      - Bursts that spill into later ticks: the log is discounted by psi (`serial`), and once psi > 1.2 four ticks are
        bet on as one, so that few bursts are cut. What earlier rollouts showed (`earlier`) counts from the first tick
        on, otherwise it begins after 128 learnt ticks. Never unfair for unrelated ticks; for bursts good once learnt.
      - Close to the `line`, bets are cut to what the line still takes (`aim`): as fair, and a little sooner.
    """

    margin: Margin
    sliced: bool
    history_psi: float
    learnt: Learnt
    block: Block | None
    restart: Restart
    line: float | None = None
    history_ticks: int = 1

    @classmethod
    def start(
        cls,
        margin: Margin,
        later_stages: int,
        *,
        sliced: bool = False,
        history: Clinging = NOTHING_KNOWN,
        line: float | None = None,
    ) -> Self:
        """Before the first tick of a plan with so many stages after the first.

        `sliced`: ticks may bring the champion's errors in slices of the challenger's size. `history`: what
        earlier rollouts show, in ticks of the length that this one will use. `line`: the log evidence
        with which harm is shown by this evidence alone, so that bets need not win more; without one they never stop.
        """
        return cls(margin, sliced, history.psi, Learnt.start(), None, Restart.start(later_stages), line, history.ticks)

    def observe(
        self,
        inc: AnyTick,
        *,
        stage_started: bool = False,
        gross_only: bool = False,
        slice_bad: Sequence[int] = (),
    ) -> "HarmEvidence":
        """With one more tick; `stage_started` on the first one after a later stage's share was confirmed.

        `gross_only`: a warm-up, in which only errors beyond three times the champion's count as harm.
        """
        state = self
        if stage_started:
            state = _closed(self)
            state = state._replace(restart=state.restart.stage(_log_weights(state.sliced)[0]))
        if not inc.comparable:
            return state
        if state.block is not None and not state.block.takes(inc, gross_only=gross_only, slices=len(slice_bad)):
            state = _closed(state)
        margin, sliced, history_psi, learnt, block, restart, line, history_ticks = state
        length = max(history_ticks, SPILLING_BLOCK) if learnt.spills or history_psi > 1.0 else 1
        if not gross_only:
            learnt = learnt.observe_tick(inc, margin, calm=restart.is_at_most(CALM))
        if block is None and length == 1:
            return _bet(state, learnt, inc, slice_bad, gross_only=gross_only)
        block = Block.start(inc, gross_only, slice_bad) if block is None else block.add(inc, slice_bad)
        if block.ticks >= length:
            return _bet(state, learnt, block.tick, block.slices, gross_only=gross_only)
        return HarmEvidence(margin, sliced, history_psi, learnt, block, restart, line, history_ticks)

    @property
    def psi(self) -> float:
        """How many ticks errors spill over, as far as known; 1 where they do not."""
        return max(self.history_psi, self.learnt.told.psi)

    @property
    def spilling(self) -> bool:
        """Whether errors are known to spill over, from the history or from enough ticks, so that ticks go together."""
        return self.learnt.spills or self.history_psi > 1.0

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        found = self.restart.log_e
        return found if found <= 0.0 else found / self.discount

    @property
    def discount(self) -> float:
        """What log evidence above 0 is divided by; at least 1."""
        return _discount(self.history_psi, self.learnt)

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "kind": "harm.3",
            "margin": [self.margin.factor, self.margin.shift],
            "sliced": self.sliced,
            "history_psi": self.history_psi,
            **self.learnt.encode(),
            "block": None if self.block is None else self.block.encode(),
            "restart": self.restart.encode(),
            "line": self.line,
            "history_ticks": self.history_ticks,
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave, or did before there was a line to aim at. Raises ValueError for anything else."""
        read = Reader(data, "harm.2" if data.get("kind") == "harm.2" else "harm.3")
        sliced = read.flag("sliced")
        return cls(
            Margin(*read.floats("margin", 2)),
            sliced,
            read.number("history_psi"),
            Learnt.decode(read),
            Block.decode(read, "block"),
            read.restart("restart", len(_log_weights(sliced)[0])),
            None if data.get("line") is None else read.number("line"),
            read.integer("history_ticks") if read.has("history_ticks") else 1,
        )


def _log_weights(sliced: bool) -> tuple[tuple[float, ...], ...]:
    """Weights of the effects for the first tick and the stages, and for every tick."""
    return _SLICED_WEIGHTS if sliced else _TOTALS_WEIGHTS


def _closed(evidence: HarmEvidence) -> HarmEvidence:
    """The evidence with its open block bet on; only then may the block teach anything about bets."""
    block = evidence.block
    if block is None:
        return evidence
    return _bet(evidence, evidence.learnt, block.tick, block.slices, gross_only=block.gross_only)


def _bet(
    evidence: HarmEvidence, learnt: Learnt, tick: AnyTick, slice_bad: Sequence[int], *, gross_only: bool
) -> HarmEvidence:
    margin, sliced, history_psi, _, _, restart, line, history_ticks = evidence
    found = _log_factors(evidence, learnt, margin.widened(GROSS_FACTOR) if gross_only else margin, tick, slice_bad)
    restart = restart.step(found, *(_SLICED_WEIGHTS if sliced else _TOTALS_WEIGHTS))
    if not gross_only:
        learnt = learnt.observe_bet(tick, slice_bad, margin)
    return HarmEvidence(margin, sliced, history_psi, learnt, None, restart, line, history_ticks)


def _discount(history_psi: float, learnt: Learnt) -> float:
    in_blocks_from_the_start = history_psi > 1.0
    return 1.0 + (max(history_psi, learnt.told.psi) - 1.0) / (SPILLING_BLOCK if in_blocks_from_the_start else 1)


def _log_factors(
    evidence: HarmEvidence, learnt: Learnt, margin: Margin, tick: AnyTick, slice_bad: Sequence[int]
) -> list[float]:
    theta = robust.theta(tick, margin)
    if theta > LOPSIDED:
        logs = gro.log_event_increments(tick, margin, HARM.ratios, *learnt.champion)
        found = [value / learnt.totals.phi for value in logs]
    else:
        phi = learnt.totals.phi / _part_needed(evidence, learnt, tick, margin, theta)
        found = robust.log_factors_of(tick, margin, theta, HARM.ratios, phi)
    if not evidence.sliced:
        return found
    if not slice_bad or margin.shift > 0.0 or margin.factor < 1.0:
        return found + found
    phi = (learnt.between_slices if len(slice_bad) > 1 else learnt.totals).phi
    return found + slices.log_factors(tick.challenger_bad, slice_bad, margin.factor, HARM.ratios, phi)


def _part_needed(evidence: HarmEvidence, learnt: Learnt, tick: AnyTick, margin: Margin, theta: float) -> float:
    """The part of full bets that the line still takes, from past ticks and this one's sizes."""
    restart, line = evidence.restart, evidence.line
    if line is None or evidence.sliced or not restart.logs or max(restart.logs) < line - aim.NEAR:
        return 1.0
    phi = learnt.totals.phi
    return aim.part_needed(
        restart.logs,
        1.0 - restart.spent,
        line * _discount(evidence.history_psi, learnt),
        [(ratio - 1.0) / phi for ratio in HARM.ratios],
        theta,
        gro.predicted_rate(*learnt.champion, tick) * tick.champion_n,
        (1.0 - theta) * tick.challenger_n * margin.shift,
    )

"""Many runs of the shipped harm evidence side by side, as arrays; tests hold it to the daemon's own, tick by tick.

For benches alone: thousands of runs in the time of ten. It knows no slices, and no segments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.chance.engine import EQUAL, FIRE
from rolloutd.core.stats import aim, harm, learnt, robust, serial
from rolloutd.core.stats.earlier import NOTHING_KNOWN, Clinging
from rolloutd.core.stats.grid import HARM, HARM_LATE
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.restart import FIRST_TICK_MASS, LATER_STAGES_MASS, tick_mass

Reals = NDArray[np.float64]
Counts = NDArray[np.int64]
_RATIOS = np.array(HARM.ratios)[:, None]
_WEIGHTS, _LATE_WEIGHTS = (np.exp(grid.log_weights)[:, None] for grid in (HARM, HARM_LATE))
_SPANS = serial.SPANS


class Many:
    """So many runs of HarmEvidence; ``restarts`` off puts all mass to work at the first tick."""

    def __init__(
        self,
        runs: int,
        *,
        line: float,
        margin: Margin = EQUAL,
        later_stages: int = 3,
        restarts: bool = True,
        history: Sequence[Clinging] = (),
    ) -> None:
        self._line, self._factor, self._shift, self._restarts = line, margin.factor, margin.shift, restarts
        self._stage_mass = LATER_STAGES_MASS / max(later_stages, 1)
        known = history or [NOTHING_KNOWN] * runs
        self._history_psi, self._history_ticks = np.array([h.psi for h in known]), np.array([h.ticks for h in known])
        self._logs = np.full((len(_RATIOS), runs), -np.inf)
        self._spent, self._steps = np.zeros(runs), np.zeros(runs, dtype=np.int64)
        self._totals = np.zeros((5, runs))  # as Dispersion's five
        self._seen, self._champion = np.zeros((2, runs)), np.zeros((2, runs))
        self._waiting, self._waits = np.zeros((learnt.WAIT_TICKS, runs)), np.zeros(runs, dtype=np.int64)
        self._place = np.zeros(runs, dtype=np.int64)
        self._serial_ticks = np.zeros(runs, dtype=np.int64)
        self._open, self._last, self._squares = (np.zeros((len(_SPANS), runs)) for _ in range(3))
        self._psi, self._spills = np.ones(runs), np.zeros(runs, dtype=bool)
        self._gross_only = False
        self._block, self._block_ticks = np.zeros((4, runs)), np.zeros(runs, dtype=np.int64)

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Go on with these runs only."""
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value[..., which])

    def stage(self) -> None:
        """A later stage begins with the next tick: once for each later stage at most."""
        self._close(self._block_ticks > 0)
        if self._restarts:
            self._put_to_work(np.full(len(self._spent), self._stage_mass), _WEIGHTS)

    def observe(self, n0: Counts | int, x0: Counts, n1: Counts | int, x1: Counts, *, gross_only: bool = False) -> None:
        """One more tick of every run, both arms having traffic in each; `gross_only` as for HarmEvidence."""
        if gross_only != self._gross_only:
            self._close(self._block_ticks > 0)
            self._gross_only = gross_only
        long = self._spilling
        tick = np.array(np.broadcast_arrays(n0, x0, n1, x1), dtype=float)
        self._block += tick
        self._block_ticks += 1
        if not gross_only:
            self._learn(*tick)
        self._close(self._block_ticks >= np.where(long, np.maximum(self._history_ticks, harm.SPILLING_BLOCK), 1))

    @property
    def log_e(self) -> Reals:
        """log of the evidence of each run now."""
        found = self._found
        return np.where(found > 0.0, found / self._discount, found)

    @property
    def _found(self) -> Reals:
        idle = np.log(np.maximum(1.0 - self._spent, 1e-300))
        return np.logaddexp(np.logaddexp.reduce(self._logs, axis=0), idle)

    @property
    def _spilling(self) -> NDArray[np.bool_]:
        return self._spills | (self._history_psi > 1.0)

    @property
    def _discount(self) -> Reals:
        blocks = np.where(self._history_psi > 1.0, harm.SPILLING_BLOCK, 1)
        found: Reals = 1.0 + (np.maximum(self._history_psi, self._psi) - 1.0) / blocks
        return found

    def _learn(self, n0: Reals, x0: Reals, n1: Reals, x1: Reals) -> None:
        """What `Learnt.observe_tick` does."""
        calm = self._found <= harm.CALM
        scale = self._factor * n1 / n0
        border, prior = scale * x0 + n1 * self._shift, learnt.PRIOR_RESIDUAL
        ratio = (self._seen[0] + prior) / (self._seen[1] + prior)
        spread = np.sqrt(np.maximum(x1 + scale * scale * x0, learnt.LEAST_VARIANCE))
        residual = np.clip((x1 - ratio * border) / spread, -learnt.FARTHEST, learnt.FARTHEST)
        self._seen += np.where(calm, (x1, border), 0.0)
        full = calm & (self._waits == learnt.WAIT_TICKS)
        every = np.arange(len(calm))
        oldest = self._waiting[self._place, every]
        put = (self._place + np.where(full, 0, self._waits)) % learnt.WAIT_TICKS
        self._waiting[put[calm], every[calm]] = residual[calm]
        self._place = np.where(full, (self._place + 1) % learnt.WAIT_TICKS, self._place)
        self._waits = np.where(calm, np.minimum(self._waits + 1, learnt.WAIT_TICKS), 0)
        if full.any():
            self._learn_serial(full, oldest)

    def _learn_serial(self, which: NDArray[np.bool_], residual: Reals) -> None:
        """What `Serial.observe` does, then its psi."""
        ticks = self._serial_ticks = self._serial_ticks + which
        self._open += np.where(which, residual, 0.0)
        usual = np.where(ticks > 2, self._squares[0] / np.maximum(ticks - 2, 1), 0.0)
        for k, span in enumerate(_SPANS):
            done = which & (ticks % span == 0)
            if not done.any():
                break
            square = (self._open[k] - self._last[k]) ** 2
            if span > 1:
                square = np.minimum(square, serial.LARGEST * span * usual)
            self._squares[k] += np.where(done & (ticks > span), square, 0.0)
            self._last[k] = np.where(done, self._open[k], self._last[k])
            self._open[k] = np.where(done, 0.0, self._open[k])
        one = self._squares[0] / np.maximum(ticks - 1, 1)
        psi = np.ones(len(ticks))
        for k, span in enumerate(_SPANS[1:], 1):
            pairs = ticks // span - 1
            known = (pairs >= 1) & (one > 0.0)
            if not known.any():
                break
            spread = serial.STANDARD_ERRORS * np.sqrt(3.0 * np.maximum(pairs, 0))
            ratio = self._squares[k] / np.where(known, span * one, 1.0)
            found = (serial.SHRINKAGE + ratio - spread) / (serial.SHRINKAGE + pairs)
            psi = np.where(known, np.maximum(psi, found), psi)
        self._psi = psi
        reviewed = which & (ticks % learnt.REVIEWED_EVERY == 0)
        spills = (ticks >= learnt.LEARNT_TICKS) & (psi > learnt.SPILLING_PSI)
        self._spills = np.where(reviewed, spills, self._spills)

    def _put_to_work(self, mass: Reals, weights: Reals) -> None:
        with np.errstate(divide="ignore"):
            self._logs = np.logaddexp(self._logs, np.log(mass) + np.log(weights))
        self._spent = self._spent + mass

    def _close(self, which: NDArray[np.bool_]) -> None:
        """Bet on the blocks of these runs, then learn from them."""
        if not which.any():
            return
        n0, x0, n1, x1 = np.where(which, self._block, (np.ones(4)[:, None]))
        factor = max(self._factor, harm.GROSS_FACTOR) if self._gross_only else self._factor
        theta = factor * n1 / (factor * n1 + n0)
        phi = np.maximum(1.0, (robust.PRIOR_ERRORS + self._totals[0]) / (robust.PRIOR_ERRORS + self._totals[1]))
        usual = (self._champion[1] + 0.5) / (self._champion[0] + 50.0) * n0
        others = (1.0 - theta) * n1 * self._shift
        lam = (_RATIOS - 1.0) / phi
        lam = lam * self._part_needed(lam, theta * (1.0 + usual + aim.SPREADS * np.sqrt(usual)) + others)
        expected = theta * (x1 + x0) + others
        factors = np.log1p(lam * x1 - self._excess(factor, lam, theta, expected, x1 * x0 / n0)) - np.log1p(
            lam * expected
        )
        steps = self._steps + 1
        late = steps + 100.0
        every = tick_mass(1) * (101.0 * log(101.0) ** 2) / (late * np.log(late) ** 2)
        first = np.where(which & (steps == 1), FIRST_TICK_MASS if self._restarts else 1.0, 0.0)
        self._put_to_work(first, _WEIGHTS)
        if self._restarts:
            self._put_to_work(np.where(which, every, 0.0), _LATE_WEIGHTS)
        self._logs += np.where(which, factors, 0.0)
        self._steps = np.where(which, steps, self._steps)
        if not self._gross_only:
            self._disperse(which, n0, x0, n1, x1)
            self._champion += np.where(which, (n0, x0), 0.0)
        self._block[:, which], self._block_ticks[which] = 0.0, 0

    @staticmethod
    def _excess(factor: float, lam: Reals, theta: Reals, expected: Reals, pairs: Reals) -> Reals:
        """What `robust` takes away for a ratio margin above 1."""
        if factor <= 1.0:
            return np.zeros_like(lam)
        pair = theta * (1.0 - theta) * (factor - 1.0) * pairs
        found: Reals = np.where(pair > 0.0, lam * lam * pair / (1.0 + lam * (expected - theta)), 0.0)
        return found

    def _disperse(self, which: NDArray[np.bool_], n0: Reals, x0: Reals, n1: Reals, x1: Reals) -> None:
        """What `Dispersion.observe` does."""
        squares, total, last_n, last_residual, last_expected = self._totals
        scale = self._factor * n1 / n0
        residual, expected = x1 - scale * x0 - n1 * self._shift, x1 + scale * scale * x0
        growth = n1 / np.where(last_n > 0.0, last_n, 1.0)
        gap, pair = residual - growth * last_residual, expected + growth * growth * last_expected
        paired = which & (last_n > 0.0)
        squares = squares + np.where(paired, np.minimum(gap * gap, robust.LARGEST_BURST * pair), 0.0)
        total = total + np.where(paired, pair, 0.0)
        new = np.where(which, (n1, residual, expected), (last_n, last_residual, last_expected))
        self._totals = np.array([squares, total, *new])

    def _part_needed(self, lam: Reals, expected: Reals) -> Reals:
        """What `aim` does, for all runs."""
        line = self._line * self._discount
        top = np.maximum.reduce(self._logs, axis=0)
        near = (top >= line - aim.NEAR) & (top < line)
        part = np.ones(len(near))
        if not near.any():
            return part
        masses = np.exp(self._logs[:, near] - line[near])
        rest = 1.0 + aim.OVER - (1.0 - self._spent[near]) * np.exp(-line[near])
        stakes, expected = lam[:, near], expected[near]

        def after(cut: Reals) -> Reals:
            found: Reals = (masses * (1.0 + cut * stakes) / (1.0 + cut * stakes * expected)).sum(axis=0)
            return found

        high, low = np.ones(len(rest)), np.zeros(len(rest))
        matters = (masses.sum(axis=0) < rest) & (after(high) > rest)
        for _ in range(aim.HALVINGS):
            middle = (low + high) / 2.0
            enough = after(middle) >= rest
            high, low = np.where(enough, middle, high), np.where(enough, low, middle)
        part[near] = np.where(matters, high, 1.0)
        return part


class Test(Protocol):
    """A test of many runs side by side."""

    @property
    def log_e(self) -> Reals: ...  # noqa: D102
    def keep(self, which: NDArray[np.bool_]) -> None: ...  # noqa: D102
    def observe(self, n0: int, x0: Counts, n1: int, x1: Counts) -> None: ...  # noqa: D102


def first_ticks(
    tests: Sequence[Test], sizes: tuple[int, int], tick: Callable[[], tuple[Counts, Counts]], runs: int
) -> Reals:
    """The tick, from 1, at which each test (columns) speaks in each run; all see the same ticks (x0, x1)."""
    found = np.zeros((runs, len(tests)))
    left = [np.arange(runs) for _ in tests]
    number = 0
    while any(len(runs_left) for runs_left in left):
        number += 1
        x0, x1 = tick()
        for column, test in enumerate(tests):
            mine = left[column]
            if not len(mine):
                continue
            test.observe(sizes[1], x0[mine], sizes[0], x1[mine])
            silent = test.log_e < FIRE
            if not silent.all():
                found[mine[~silent], column] = number
                left[column] = mine[silent]
                test.keep(silent)
    return found

"""How much errors cling together from one tick to the next, to discount evidence by it; it must never favour anyone.

Dividing a log evidence above 0 by psi >= 1 never makes it cross a threshold it had not crossed: so whatever psi was
learnt from, an exact test stays exact. psi is the variance of residuals summed over 2 to 32 ticks, over that many times
the variance of one: 1 for unrelated ticks, at least the number of ticks a burst is spread over for bursts that spill
over. Variances are Allan's, of neighbouring blocks: neither the time of day nor a regression, which moves the residual
once, is taken for clinging; nor may a single pair count for more than nine usual ones. Each ratio is drawn to 1 by 30
pseudo-pairs and lowered by three standard errors: what chance alone still makes of it costs .4 % of the requests to a
verdict. With two it cost 1.5 %, and took back no fewer harmless rollouts than chance explains, over 300 each: retries
that spill over 11 % instead of 12 %, storms 26 % instead of 31 %. Both do their harm before a rollout can have learnt
anything; what helps against them is `earlier`.
"""

from math import sqrt
from typing import NamedTuple

SPANS = (1, 2, 4, 8, 16, 32)
_LONGER = SPANS[1:]
SHRINKAGE = 30.0
STANDARD_ERRORS = 3.0
LARGEST = 9.0
_NONE = (0.0,) * len(SPANS)


class Serial(NamedTuple):
    """For each span: the block being filled, the last full one, and the squares of what successive ones differ by."""

    ticks: int = 0
    open_sums: tuple[float, ...] = _NONE
    last_sums: tuple[float, ...] = _NONE
    squares: tuple[float, ...] = _NONE

    def observe(self, *residuals: float) -> "Serial":
        """With the residuals of one more tick, or of several, each in units of its own spread."""
        ticks, (own, *sums), last_sums, squares_before = self
        last, squares = list(last_sums), list(squares_before)
        for residual in residuals:
            ticks += 1
            usual = squares[0] / (ticks - 2) if ticks > 2 else 0.0
            if ticks > 1:
                squares[0] += (residual - last[0]) ** 2
            last[0] = residual
            sums = [value + residual for value in sums]
            if ticks % 2:
                continue  # half of all ticks fill no block but their own
            for k, span in enumerate(_LONGER):
                if ticks % span:
                    break
                if ticks > span:
                    square, largest = (sums[k] - last[k + 1]) ** 2, LARGEST * span * usual
                    squares[k + 1] += min(largest, square)
                last[k + 1], sums[k] = sums[k], 0.0
        return Serial(ticks, (own, *sums), tuple(last), tuple(squares))

    @property
    def psi(self) -> float:
        """The discount, at least 1."""
        return self.lowered(STANDARD_ERRORS, SPANS[-1])

    def lowered(self, standard_errors: float, longest: int) -> float:
        """The discount from spans up to the longest, each ratio lowered by so many of its standard errors."""
        single = self.squares[0]
        if single <= 0.0:
            return 1.0
        ticks = self.ticks
        one, found = single / (ticks - 1), 1.0
        for span, squares in zip(_LONGER, self.squares[1:]):  # noqa: B905 - on every tick's path, and as long by make
            pairs = ticks // span - 1
            if pairs < 1 or span > longest:
                break
            over = squares / (span * one) - pairs
            if over > 0.0:  # else the ratio below is under 1
                over -= standard_errors * sqrt(3.0 * pairs)
                found = max(found, 1.0 + over / (SHRINKAGE + pairs))
        return found

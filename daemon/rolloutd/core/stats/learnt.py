"""What past ticks say about how errors move: it sizes and discounts bets, and must never be able to make one unfair."""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple, Self

from rolloutd.core.stats import slices
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.increment import Tick
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.robust import Dispersion
from rolloutd.core.stats.serial import SPANS, Serial

PRIOR_RESIDUAL = 5.0
LEAST_VARIANCE = LEAST_SPREAD = 1.0
FARTHEST = 4.0
WAIT_TICKS = 16
SPILLING_PSI = 1.2
LEARNT_TICKS = 128  # fewer ticks look like spilling bursts by chance too often, and a breach would wait for its block
REVIEWED_EVERY = 8


class Learnt(NamedTuple):
    """Dispersions of totals and of slices; the serial discount, with residuals waiting; sums so far.

    `serial` lags up to seven ticks behind `told`. `seen` are the challenger's errors and those expected on the margin;
    `champion` its requests and errors. `spills`: errors are known to spill into later ticks, from 128 learnt ticks on
    and looked at every eighth.
    """

    totals: Dispersion
    between_slices: Dispersion
    serial: Serial
    waiting: tuple[float, ...]
    seen: tuple[float, float]
    champion: tuple[float, float]
    spills: bool = False

    @classmethod
    def start(cls) -> Self:
        """Before the first tick."""
        return cls(Dispersion(), Dispersion(), Serial(), (), (0.0, 0.0), (0.0, 0.0))

    def observe_tick(self, tick: Tick, margin: Margin, *, calm: bool) -> "Learnt":
        """With one more tick: what may be known at once, because no bet is sized by it.

        Residuals teach the serial discount only after 16 calm ticks: the first ticks of a regression must not pass for
        errors that spill over. Otherwise all that wait are forgotten.
        """
        totals, slices_too, serial, waiting, (bad, before), champion, spills = self
        if not calm:
            return Learnt(totals, slices_too, self.told, (), self.seen, champion, spills) if waiting else self
        n1, x1, x0 = tick.challenger_n, tick.challenger_bad, tick.champion_bad
        scale = margin.factor * n1 / tick.champion_n
        border = scale * x0 + n1 * margin.shift
        ratio = (bad + PRIOR_RESIDUAL) / (before + PRIOR_RESIDUAL)
        variance = x1 + scale * scale * x0
        residual = (x1 - ratio * border) / (sqrt(variance) if variance > LEAST_VARIANCE else LEAST_SPREAD)
        if not -FARTHEST < residual < FARTHEST:
            residual = FARTHEST if residual > 0.0 else -FARTHEST
        seen, waiting = (bad + x1, before + border), (*waiting, residual)
        over = len(waiting) - WAIT_TICKS
        if over > 0 and (serial.ticks + over) % REVIEWED_EVERY == 0:
            serial, waiting = serial.observe(*waiting[:over]), waiting[over:]
            spills = serial.ticks >= LEARNT_TICKS and serial.psi > SPILLING_PSI
        return Learnt(totals, slices_too, serial, waiting, seen, champion, spills)

    @property
    def told(self) -> Serial:
        """The serial discount with all that has waited long enough: it is added up every eighth tick, or when asked."""
        over = len(self.waiting) - WAIT_TICKS
        return self.serial.observe(*self.waiting[:over]) if over > 0 else self.serial

    def observe_bet(self, tick: Tick, slice_bad: Sequence[int], margin: Margin) -> "Learnt":
        """With one more tick, or ticks as one, after they were bet on as a whole."""
        totals, between, serial, waiting, seen, (n, bad), spills = self
        if slice_bad:
            between = slices.observe(between, slice_bad)
        champion = (n + tick.champion_n, bad + tick.champion_bad)
        return Learnt(totals.observe(tick, margin), between, serial, waiting, seen, champion, spills)

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        serial = self.serial
        return {
            "totals": self.totals.encode(),
            "between_slices": self.between_slices.encode(),
            "ticks": serial.ticks,
            "serial": [*serial.open_sums, *serial.last_sums, *serial.squares],
            "waiting": list(self.waiting),
            "sums": [*self.seen, *self.champion],
            "spills": self.spills,
        }

    @classmethod
    def decode(cls, read: Reader) -> Self:
        """From what `encode` gave, among other keys. Raises ValueError for anything else."""
        sums = read.floats("serial", 3 * len(SPANS))
        spans = [tuple(sums[k : k + len(SPANS)]) for k in range(0, len(sums), len(SPANS))]
        bad, expected, champion_n, champion_bad = read.floats("sums", 4)
        return cls(
            Dispersion(*read.floats("totals", 5)),
            Dispersion(*read.floats("between_slices", 5)),
            Serial(read.integer("ticks"), *spans),
            tuple(read.floats("waiting")),
            (bad, expected),
            (champion_n, champion_bad),
            read.flag("spills") if read.has("spills") else False,
        )

"""What past ticks say about how errors move: it sizes and discounts bets, and must never be able to make one unfair."""

from dataclasses import dataclass
from math import sqrt
from typing import Self

from rolloutd.core.stats import slices
from rolloutd.core.stats.block import Block
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.increment import Tick
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.robust import Dispersion
from rolloutd.core.stats.serial import SPANS, Serial

PRIOR_RESIDUAL = 5.0
LEAST_VARIANCE = 1.0
FARTHEST = 4.0
WAIT_TICKS = 16
SPILLING_PSI = 1.2
LEARNT_TICKS = 128  # fewer ticks look like spilling bursts by chance too often, and a breach would wait for its block
REVIEWED_EVERY = 8


@dataclass(frozen=True, slots=True)
class Learnt:
    """Dispersions of totals and of slices; the serial discount, with residuals waiting; sums so far.

    `seen` are the challenger's errors and those expected on the margin; `champion` its requests and errors. `spills`:
    errors are known to spill into later ticks, from 128 learnt ticks on and looked at every eighth.
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
        totals, slices_too, champion = self.totals, self.between_slices, self.champion
        if not calm:
            if not self.waiting:
                return self
            return Learnt(totals, slices_too, self.serial, (), self.seen, champion, self.spills)
        scale = margin.factor * tick.challenger_n / tick.champion_n
        border = scale * tick.champion_bad + tick.challenger_n * margin.shift
        bad, before = self.seen
        ratio = (bad + PRIOR_RESIDUAL) / (before + PRIOR_RESIDUAL)
        spread = sqrt(max(tick.challenger_bad + scale * scale * tick.champion_bad, LEAST_VARIANCE))
        residual = min(max((tick.challenger_bad - ratio * border) / spread, -FARTHEST), FARTHEST)
        seen = (bad + tick.challenger_bad, before + border)
        waiting = self.waiting
        if len(waiting) < WAIT_TICKS:
            return Learnt(totals, slices_too, self.serial, (*waiting, residual), seen, champion, self.spills)
        serial, spills = self.serial.observe(waiting[0]), self.spills
        if serial.ticks % REVIEWED_EVERY == 0:
            spills = serial.ticks >= LEARNT_TICKS and serial.psi > SPILLING_PSI
        return Learnt(totals, slices_too, serial, (*waiting[1:], residual), seen, champion, spills)

    def observe_block(self, block: Block, margin: Margin) -> "Learnt":
        """With one more block of ticks, after it was bet on as a whole."""
        tick = block.tick
        return Learnt(
            self.totals.observe(tick, margin),
            slices.observe(self.between_slices, block.slices) if block.slices else self.between_slices,
            self.serial,
            self.waiting,
            self.seen,
            (self.champion[0] + tick.champion_n, self.champion[1] + tick.champion_bad),
            self.spills,
        )

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

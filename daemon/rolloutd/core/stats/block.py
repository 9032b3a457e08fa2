"""Ticks that are bet on as one, because errors spill from each into the next; it must not choose how many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.increment import AnyTick, EventIncrement, Increment, merged


@dataclass(frozen=True, slots=True)
class Block:
    """The sum of some ticks and, where they had them, the sums of the champion's slices."""

    tick: AnyTick
    ticks: int
    gross_only: bool
    slices: tuple[int, ...]

    @classmethod
    def start(cls, tick: AnyTick, gross_only: bool, slices: Sequence[int]) -> Self:
        """A block of one tick."""
        return cls(tick, 1, gross_only, tuple(slices))

    def takes(self, tick: AnyTick, *, gross_only: bool, slices: int) -> bool:
        """Whether the tick is of the block's kind, so that both can be one."""
        return type(tick) is type(self.tick) and gross_only == self.gross_only and slices == len(self.slices)

    def add(self, tick: AnyTick, slices: Sequence[int]) -> "Block":
        """The block with one more tick, one that it `takes`."""
        return Block(
            merged(self.tick, tick),
            self.ticks + 1,
            self.gross_only,
            tuple([a + b for a, b in zip(self.slices, slices, strict=True)]),
        )

    def encode(self) -> list[object]:
        """As JSON can hold it."""
        t = self.tick
        counts = [t.champion_n, t.champion_bad, t.challenger_n, t.challenger_bad]
        return [t.bounded, counts, self.ticks, self.gross_only, list(self.slices)]

    @classmethod
    def decode(cls, read: Reader, key: str) -> "Block | None":
        """From what `encode` gave, or None from None. Raises ValueError for anything else."""
        parts = read.optional_list(key, 5)
        if parts is None:
            return None
        bounded, counts, ticks, gross_only, slices = parts
        kind = Increment if bounded is True else EventIncrement
        if not isinstance(counts, list | tuple) or not isinstance(slices, list | tuple) or type(ticks) is not int:
            raise read.refusal(key)
        if len(counts) != 4 or any(type(n) not in {int, float} for n in (*counts, *slices)):
            raise read.refusal(key)
        return cls(kind(*counts), ticks, gross_only is True, tuple(slices))

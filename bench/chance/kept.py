"""A world that is made only as far as somebody looks and is the same for all who look; it judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bench.chance.worlds import Tick, Ticks


class Kept:
    """Chunks of ticks, kept."""

    def __init__(self, stream: Iterator[Ticks]) -> None:
        self._stream = stream
        self._chunks = [next(stream)]

    def ticks(self) -> Iterator[Tick]:
        """All ticks, without an end."""
        place = 0
        while True:
            if place == len(self._chunks):
                self._chunks.append(next(self._stream))
            yield from self._chunks[place]
            place += 1

    def joined(self, least: int = 0) -> Ticks:
        """All ticks made so far, at least so many, as arrays."""
        while sum(len(chunk.x1) for chunk in self._chunks) < least:
            self._chunks.append(next(self._stream))
        first = self._chunks[0]
        x1, x0 = (np.concatenate([getattr(chunk, key) for chunk in self._chunks]) for key in ("x1", "x0"))
        return Ticks(first.n1, x1, first.n0, x0)

    def until(self, look: Callable[[Ticks], int | None]) -> int:
        """Ticks until a test that looks at arrays of all of them speaks."""
        while (found := look(self.joined())) is None:
            self._chunks.append(next(self._stream))
        return found

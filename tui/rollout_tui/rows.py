"""The fleet's rows as a frozen mapping in which one row is replaced without copying all; it knows nothing of rollouts.

A row keeps its place. With 5,000 rows a plain copy for each row that comes would cost more than everything else that a
busy second needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, ValuesView
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow

    Chunk = tuple[FleetRow, ...]

_BITS = 6
_SIZE = 1 << _BITS


class Rows(Mapping[str, "FleetRow"]):
    """Rows by name, in the order in which they came first. Made by ``of``, ``put`` and ``without``; never changed."""

    __slots__ = ("_chunks", "_count", "_place")

    def __init__(self, place: dict[str, int], chunks: tuple[Chunk, ...], count: int) -> None:
        self._place = place
        """Where each name is; shared by all that came from one another, so it may know names that are not here yet."""
        self._chunks = chunks
        self._count = count

    @classmethod
    def of(cls, rows: Iterable[FleetRow]) -> Rows:
        """All of these; of two with one name the later one."""
        known = tuple({row.name: row for row in rows}.values())
        chunks = tuple(known[at : at + _SIZE] for at in range(0, len(known), _SIZE))
        return cls({row.name: at for at, row in enumerate(known)}, chunks, len(known))

    def put(self, row: FleetRow) -> Rows:
        """With this row in the place of the one of its name, or at the end."""
        at = self._place.get(row.name, self._count)
        if at < self._count:
            number, inner = at >> _BITS, at & (_SIZE - 1)
            chunk = self._chunks[number]
            fresh = (*chunk[:inner], row, *chunk[inner + 1 :])
            return Rows(self._place, (*self._chunks[:number], fresh, *self._chunks[number + 1 :]), self._count)
        place = self._place
        if len(place) != self._count:  # another heir has added a name of its own
            place = {name: at for name, at in place.items() if at < self._count}
        place[row.name] = self._count
        if self._count & (_SIZE - 1):
            return Rows(place, (*self._chunks[:-1], (*self._chunks[-1], row)), self._count + 1)
        return Rows(place, (*self._chunks, (row,)), self._count + 1)

    def without(self, name: str) -> Rows:
        """Without this one."""
        return Rows.of(row for row in self.values() if row.name != name)

    def __getitem__(self, name: str) -> FleetRow:
        at = self._place[name]
        if at >= self._count:
            raise KeyError(name)
        return self._chunks[at >> _BITS][at & (_SIZE - 1)]

    def __iter__(self) -> Iterator[str]:
        return (row.name for row in self.each())

    def each(self) -> Iterator[FleetRow]:
        """The rows themselves, in their order."""
        return chain.from_iterable(self._chunks)

    def __len__(self) -> int:
        return self._count

    def values(self) -> ValuesView[FleetRow]:
        """The rows, in their order."""
        return _Values(self)


class _Values(ValuesView["FleetRow"]):
    """Goes through the rows themselves, not through their names."""

    _mapping: Rows

    def __iter__(self) -> Iterator[FleetRow]:
        return self._mapping.each()


NO_ROWS = Rows.of(())

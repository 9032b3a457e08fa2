"""Reads back what an evidence's `encode` gave, refusing what is not whole; it must not repair anything."""

from collections.abc import Mapping

from rolloutd.core.stats.restart import Restart


class Reader:
    """The stored form of one evidence. Every method raises ValueError naming the key that is wrong."""

    def __init__(self, data: Mapping[str, object], kind: str) -> None:
        self._data = data
        self._kind = kind
        if data.get("kind") != kind:
            raise self._refusal("kind")

    def number(self, key: str) -> float:
        """One number."""
        return self._number(self._data.get(key), key)

    def floats(self, key: str, count: int | None = None) -> list[float]:
        """A list of numbers: exactly `count` of them, if given."""
        return self._floats(self._data.get(key), key, count)

    def integers(self, key: str, count: int | None = None) -> list[int]:
        """A list of whole numbers of any size: exactly `count` of them, if given."""
        values = self._data.get(key)
        if not isinstance(values, list | tuple) or any(type(v) is not int for v in values):
            raise self._refusal(key)
        if count is not None and len(values) != count:
            raise self._refusal(key)
        return list(values)

    def restart(self, key: str, effects: int) -> Restart:
        """A restart mixture of as many effects, or of none yet."""
        parts = self._data.get(key)
        if not isinstance(parts, list | tuple) or len(parts) != 5:
            raise self._refusal(key)
        ticks, stages_left, stage_mass, spent, logs = parts
        if type(ticks) is not int or type(stages_left) is not int or not isinstance(logs, list | tuple):
            raise self._refusal(key)
        found = self._floats(logs, key, effects if logs else 0)
        return Restart(ticks, stages_left, self._number(stage_mass, key), self._number(spent, key), tuple(found))

    def _floats(self, values: object, key: str, count: int | None) -> list[float]:
        if not isinstance(values, list | tuple) or (count is not None and len(values) != count):
            raise self._refusal(key)
        return [self._number(value, key) for value in values]

    def _number(self, value: object, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refusal(key)
        return float(value)

    def _refusal(self, key: str) -> ValueError:
        return ValueError(
            f"Stored evidence of kind {self._kind} cannot be read: its {key} is {self._data.get(key)!r}. Nothing was "
            "taken from it and traffic is as before. Rebuild it from the raw ticks."
        )

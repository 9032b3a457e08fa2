"""Reads back what an evidence's `encode` gave, refusing what is not whole; it must not repair anything."""

from collections.abc import Mapping

from rolloutd.core.stats.restart import Restart


class Reader:
    """The stored form of one evidence. Every method raises ValueError naming the key that is wrong."""

    def __init__(self, data: Mapping[str, object], kind: str) -> None:
        self._data = data
        self._kind = kind
        if data.get("kind") != kind:
            raise self.refusal("kind")

    def has(self, key: str) -> bool:
        """Whether there is such a key: older evidence has fewer."""
        return key in self._data

    def number(self, key: str) -> float:
        """One number."""
        return self._number(self._data.get(key), key)

    def integer(self, key: str) -> int:
        """One whole number."""
        value = self._data.get(key)
        if type(value) is not int:
            raise self.refusal(key)
        return value

    def floats(self, key: str, count: int | None = None) -> list[float]:
        """A list of numbers: exactly `count` of them, if given."""
        return self._floats(self._data.get(key), key, count)

    def integers(self, key: str, count: int | None = None) -> list[int]:
        """A list of whole numbers of any size: exactly `count` of them, if given."""
        values = self._data.get(key)
        if not isinstance(values, list | tuple) or any(type(v) is not int for v in values):
            raise self.refusal(key)
        if count is not None and len(values) != count:
            raise self.refusal(key)
        return list(values)

    def restart(self, key: str, effects: int) -> Restart:
        """A restart mixture of as many effects, or of none yet."""
        parts = self._data.get(key)
        if not isinstance(parts, list | tuple) or len(parts) != 5:
            raise self.refusal(key)
        ticks, stages_left, stage_mass, spent, logs = parts
        if type(ticks) is not int or type(stages_left) is not int or not isinstance(logs, list | tuple):
            raise self.refusal(key)
        found = self._floats(logs, key, effects if logs else 0)
        return Restart(ticks, stages_left, self._number(stage_mass, key), self._number(spent, key), tuple(found))

    def optional_list(self, key: str, count: int) -> list[object] | None:
        """A list of exactly `count` things, or None where there is none."""
        values = self._data.get(key, 0)
        if values is None:
            return None
        if not isinstance(values, list | tuple) or len(values) != count:
            raise self.refusal(key)
        return list(values)

    def parts(self, key: str) -> dict[str, Mapping[str, object]]:
        """Stored evidences by name, in their order."""
        values = self._data.get(key)
        if not isinstance(values, dict) or not all(isinstance(value, dict) for value in values.values()):
            raise self.refusal(key)
        return dict(values)

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._data.get(key)
        if not isinstance(value, bool):
            raise self.refusal(key)
        return value

    def _floats(self, values: object, key: str, count: int | None) -> list[float]:
        if not isinstance(values, list | tuple) or (count is not None and len(values) != count):
            raise self.refusal(key)
        return [self._number(value, key) for value in values]

    def _number(self, value: object, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refusal(key)
        return float(value)

    def refusal(self, key: str) -> ValueError:
        """The error that names the key."""
        return ValueError(
            f"Stored evidence of kind {self._kind} cannot be read: its {key} is {self._data.get(key)!r}. Nothing was "
            "taken from it and traffic is as before. Rebuild it from the raw ticks."
        )

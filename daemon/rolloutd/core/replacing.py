"""``dataclasses.replace``, quicker: a tick makes dozens of new values of two dozen fields. It skips no class's check.

A type checker sees the function of the standard library and what that knows of each class's fields.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414 - handed on under its own name
else:

    def replace(value: T, /, **changes: object) -> T:
        """The same value with these fields changed. Raises KeyError for a field that it has not."""
        cls = type(value)
        place_of, parts = _parts(cls)
        given = list(parts(value))
        for name, part in changes.items():
            given[place_of[name]] = part
        return cls(*given)


@cache
def _parts(cls: type[Any]) -> tuple[dict[str, int], attrgetter[Any]]:
    """Where each field stands in the class's constructor, and how to take all of a value's fields at once.

    Raises TypeError for a class whose constructor does not take just its fields, at least two, in their order.
    """
    known = fields(cls)
    if len(known) < 2 or any(field.kw_only or not field.init for field in known):
        raise TypeError(f"{cls.__name__} cannot be replaced field by field")
    names = [field.name for field in known]
    return {name: place for place, name in enumerate(names)}, attrgetter(*names)

"""Fits a document to its tables and words every misfit; a slip of a key is read as the key it meant, to find the rest.

Nothing of a document with a fault is ever used: going on behind a fault serves only to report all faults at once.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping
from typing import TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rolloutd.settings.document import Document
from rolloutd.settings.locator import Path
from rolloutd.settings.plan_tables import Table
from rolloutd.settings.problems import Problem, did_you_mean, nearest
from rolloutd.settings.values import kind_of

FAULTS_MAX = 50
_ROUNDS_MAX = 12
_KEY_MARK = "[key]"  # pydantic's own mark for "the name, not the value"
_M = TypeVar("_M", bound=Table)
_WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


class Fitting:
    """A document on its way into tables: the faults so far, and a copy in which slips are put right.

    ``broken`` has the section and name of every entry (a router, a metric, ...) that is out because of its own faults:
    nothing that refers to it is to blame.
    """

    def __init__(self, document: Document) -> None:
        self.document = Document(document.file, copy.deepcopy(document.data), document.lines, document.traffic)
        self.problems: list[Problem] = []
        self.broken: set[tuple[str, str]] = set()
        self._dropped: set[Path] = set()

    def fit(self, model: type[_M]) -> _M:
        """The tables. Raises SettingsError when the faults leave nothing to go on with; look at ``problems`` too."""
        for _ in range(_ROUNDS_MAX):
            try:
                return model.model_validate(self.document.data)
            except ValidationError as refusal:
                errors = refusal.errors(include_url=False)
            strangers = [error for error in errors if error["type"] == "extra_forbidden"]
            for stranger in strangers:
                self._stranger(model, stranger["loc"])
            if not strangers and not self._misfits(model, errors):
                break
        raise self.document.refusal(self.problems)

    def add(self, path: Path, message: str) -> None:
        """Note a fault, once. The one after the last that is still shown ends the reading."""
        if len(self.problems) >= FAULTS_MAX:
            self.problems.append(self.document.problem((), "There are more faults than are shown here."))
            raise self.document.refusal(self.problems)
        problem = self.document.problem(path, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def has_broken(self, section: str) -> bool:
        """Whether any entry of a section is out because of its own faults."""
        return any(section == broken for broken, _ in self.broken)

    def has_dropped(self, path: Path) -> bool:
        """Whether the value there was taken out because it does not fit: its default stands for nothing then."""
        return path in self._dropped

    def finish(self) -> None:
        """Raise SettingsError when there was any fault."""
        if self.problems:
            raise self.document.refusal(self.problems)

    def unknown_key(self, path: Path, known: Collection[str], hint: str = "") -> None:
        """Note a key that does not exist, and go on as if it were the nearest one that does."""
        key = str(path[-1])
        self.add(path, hint or f"There is no such key. {did_you_mean(key, known)}")
        table = self.document.at(path[:-1])
        if not isinstance(table, dict):
            return
        value = table.pop(path[-1])
        meant = None if hint else nearest(key, known)
        if meant is not None and meant not in table:
            table[meant] = value
            self._rename_lines(path, (*path[:-1], meant))

    def _rename_lines(self, old: Path, new: Path) -> None:
        document = self.document
        if document.lines is not None:
            lines = document.lines.renamed(old, new)
            self.document = Document(document.file, document.data, lines, document.traffic)

    def _stranger(self, model: type[Table], path: Path) -> None:
        table = table_at(model, path[:-1])
        key = str(path[-1])
        known = keys_of(table)
        hint = table.later.get(key, "")
        if not hint and nearest(key, known) is None:
            homes = [name for name, home in sections_of(model).items() if key in keys_of(home)]
            hint = f"There is no such key here; it belongs in [{homes[0]}]." if homes else ""
        self.unknown_key(path, known, hint)

    def _misfits(self, model: type[Table], errors: list[ErrorDetails]) -> bool:
        """Note the values that do not fit and take them out; False when the rest cannot be read without them."""
        can_go_on = True
        for error in errors:
            path = tuple(part for part in error["loc"] if part != _KEY_MARK)
            if path in self._dropped:  # now it is missing, and needed: this is no second fault
                can_go_on &= self._without_entry(model, path)
                continue
            self.add(path, _sentence(error, model, path))
            table, value = self.document.at(path[:-1]), self.document.at(path)
            if path and isinstance(table, dict) and path[-1] in table and not isinstance(value, dict | list):
                del table[path[-1]]
                self._dropped.add(path)
            else:
                can_go_on &= self._without_entry(model, path)
        return can_go_on

    def _without_entry(self, model: type[Table], path: Path) -> bool:
        """Take out the whole named entry that a fault is in, such as one metric; False when there is none."""
        section = self.document.at(path[:1])
        if len(path) < 2 or path[0] in sections_of(model) or not isinstance(section, dict):
            return False
        section.pop(path[1], None)
        self.broken.add((str(path[0]), str(path[1])))
        return True


def keys_of(table: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a table as they are written in a file."""
    return tuple(info.alias or name for name, info in table.model_fields.items())


def sections_of(model: type[Table]) -> Mapping[str, type[Table]]:
    """The tables at the top of a file that are the same for everybody, by name."""
    sections = {info.alias or name: info.annotation for name, info in model.model_fields.items()}
    return {name: kind for name, kind in sections.items() if isinstance(kind, type) and issubclass(kind, Table)}


def table_at(model: type[Table], path: Path) -> type[Table]:
    """The table that stands at a path of a file; the nearest one above it when the path leads to none."""
    table, in_many = model, False
    for part in path:
        if in_many:  # the name or index of one of many, not a key
            in_many = False
            continue
        field = next((info for name, info in table.model_fields.items() if part == (info.alias or name)), None)
        inner = _table_in(field.annotation) if field is not None else None
        if field is None or inner is None:
            break
        table, in_many = inner, get_origin(field.annotation) in (dict, tuple)
    return table


def _table_in(annotation: object) -> type[Table] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next(filter(None, map(_table_in, get_args(annotation))), None)


def _sentence(error: ErrorDetails, model: type[Table], path: Path) -> str:
    """What is wrong, for people. It never shows a value that may be a secret: only our own checks repeat values."""
    kind = error["type"]
    if kind == "missing":
        table = table_at(model, path[:-1])
        infos = {info.alias or name: info for name, info in table.model_fields.items()}
        info = infos.get(str(path[-1]))
        return f"This key is missing. {info.description or ''}".strip() if info else "This key is missing."
    if kind in _WANTED:
        return f"This is {_WANTED[kind]}, not {kind_of(error['input'])}."
    if kind in ("value_error", "assertion_error"):
        return re.sub(r"^(Value|Assertion) error, ", "", error["msg"])
    if kind in ("literal_error", "enum"):
        return f"This is one of {error['ctx']['expected']}."
    return re.sub(r"^\w+ should", "It should", error["msg"]).rstrip(".") + "."

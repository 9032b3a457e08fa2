"""Tests of the pages: the example and docs/config.md name every key, and what they show is read as they say."""

from __future__ import annotations

import re
import tomllib

from rolloutd.settings import read_settings, read_spec
from rolloutd.settings.config_tables import ConfigTables, OfflineTable, SchemaTable
from rolloutd.settings.plan_tables import GateTable, SpecTables, Table
from rolloutd.settings.shape import keys_of, table_at
from tests.settings.reference import CONFIG, PAGE, ROLLOUT, with_tables
from tests.settings.test_locator import paths
from tests.settings.words import EXAMPLE, FULL_VOCABULARY


def all_tables(top: type[Table]) -> set[type[Table]]:
    """Every table that can be reached from the top of a file."""
    found, todo = set(), [top]
    while todo:
        table = todo.pop()
        if table not in found:
            found.add(table)
            todo += [table_at(table, (key, "x")) for key in keys_of(table)]
    return found


def test_the_example_names_every_key() -> None:
    """No key of the configuration is missing in config.example.toml."""
    named = {(table_at(ConfigTables, path[:-1]), path[-1]) for path in paths(tomllib.loads(EXAMPLE))}
    known = {(table, key) for table in all_tables(ConfigTables) for key in keys_of(table)}
    assert "\n# psi = " in EXAMPLE  # only a gate on drift may have it, and the built-in strategy has none
    assert known - {(GateTable, "psi")} <= named


def test_each_key_of_the_example_has_a_sentence() -> None:
    """The first time that a key stands there, a comment stands beside it."""
    seen = set()
    for line in EXAMPLE.splitlines():
        key = re.match(r"([a-z_]+) = ", line)
        if key and key[1] not in seen:
            seen.add(key[1])
            assert re.search(r" # .*[a-z]", line), line


def test_every_key_has_a_docstring() -> None:
    """The sentence under each field is there for the page and for errors."""
    for table in all_tables(ConfigTables) | all_tables(SpecTables):
        for name, info in table.model_fields.items():
            assert info.description, f"{table.__name__}.{name}"


def test_the_page_is_made_from_the_keys() -> None:
    """docs/config.md is what ``python -m tests.settings.reference`` writes, for every table there is."""
    page = PAGE.read_text()
    assert with_tables(page) == page
    shown = {*CONFIG.values(), *ROLLOUT.values(), ConfigTables, SpecTables}
    assert {table for table in all_tables(ConfigTables) | all_tables(SpecTables) if table.__name__ != "SlotsTable"} | {
        OfflineTable,
        SchemaTable,
    } == shown  # the keys of checks' kinds that are built in


def test_the_rollout_file_of_the_page_is_accepted() -> None:
    """Against the configuration of the example."""
    settings = read_settings(EXAMPLE, "config.toml", FULL_VOCABULARY)
    text = re.findall(r"```toml\n(\[rollout\].*?)```", PAGE.read_text(), re.DOTALL)[0]
    assert read_spec(text, "ranker.toml", settings).plan.stages[0].name == "canary"


def test_the_page_names_all_words_to_come() -> None:
    """What is known and not built yet is said."""
    page = PAGE.read_text()
    for table in all_tables(ConfigTables) | all_tables(SpecTables):
        for word in table.later:
            assert f"`{word}`" in page or f"`[{word}]`" in page

"""What a running daemon takes over of a configuration: every key is one or the other, and no mixture runs unchecked."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from rolloutd.settings import Settings, SettingsError, read_settings
from rolloutd.settings.config_tables import ConfigTables
from rolloutd.settings.document import Document
from rolloutd.settings.load import TRAFFIC, read_document
from rolloutd.settings.locator import Path
from rolloutd.settings.shape import keys_of, sections_of
from rolloutd.settings.takeover import ROWS, Changed, NeedsRestart, at_once, row_of, taken_over, values
from tests.settings.test_locator import paths
from tests.settings.words import CONFIG, EXAMPLE, FULL_VOCABULARY, config

NEW_SOURCE = '[sources.new]\nkind = "scrape"\n[metrics.late]\ntemplate = "envoy.errors"\nsource = "new"\n'
SIGN_OFF = '[checks.sign-off]\nkind = "approval"\n'


def keys() -> list[tuple[str, ...]]:
    """Every part of the configuration that a row could tell apart: a section's keys, or the name of many tables."""
    found: list[tuple[str, ...]] = []
    for section in keys_of(ConfigTables):
        table = sections_of(ConfigTables).get(section)
        found += [(section,)] if table is None else [(section, key) for key in keys_of(table)]
    return found


@pytest.mark.parametrize("key", keys(), ids=".".join)
def test_every_key_is_in_one_row(key: tuple[str, ...]) -> None:
    """A new section, or a new key of [daemon], is not done before it is said here what a reload does with it."""
    assert len([row for row in ROWS if key[: len(row.path)] == row.path]) == 1


def test_no_row_is_about_nothing() -> None:
    """And each says what it means."""
    assert all(any(key[: len(row.path)] == row.path for key in keys()) and row.means for row in ROWS)
    assert row_of(("nothing",)) is None
    assert not at_once(("nothing",))


def parts(settings: Settings) -> dict[tuple[str, ...], object]:
    """What a configuration comes to, by the parts that count or wait as one."""
    found: Any = values(settings)
    return {key: found[key[0]] if len(key) == 1 else found[key[0]][key[1]] for key in keys()}


def without(running: Settings, path: Path) -> Settings:
    """The configuration without this key. Raises SettingsError where there is none without it."""
    data = copy.deepcopy(running.document.data)
    table: object = data
    for part in path[:-1]:
        table = table[part]  # type: ignore[index]
    assert isinstance(table, dict)
    del table[path[-1]]
    return read_document(Document("config.toml", data, None, TRAFFIC), "x", FULL_VOCABULARY)


def test_whatever_is_left_out_counts_or_waits_and_nothing_else() -> None:
    """Each key of the example in turn is gone from the file: it is named, and only what counts now has changed."""
    running = read_settings(EXAMPLE, "config.toml", FULL_VOCABULARY)
    before, tried = parts(running), 0
    for path in [path for path in paths(tomllib.loads(EXAMPLE)) if len(path) <= 3 and isinstance(path[-1], str)]:
        try:
            written = without(running, path)
            effective, changed = taken_over(running, written)
        except SettingsError:
            continue  # without this key there is no configuration, or none that could be mixed
        tried += 1
        wrote = parts(written)
        assert parts(effective) == {key: (wrote if at_once(key) else before)[key] for key in keys()}, path
        if wrote != before:
            now = at_once(tuple(str(part) for part in path))
            assert (bool(changed.taken), bool(changed.waiting)) == (now, not now), path
            assert all(key.startswith(str(path[0])) for key in (*changed.taken, *changed.waiting))
    assert tried > 40


def test_a_default_that_is_written_out_is_no_difference() -> None:
    """Nor is the order, or a comment."""
    running = config()
    written = config(CONFIG.replace("[policy]\n", '[policy]\nmax_concurrent = 0 # as ever\nmin_time = "900s"\n'))
    effective, changed = taken_over(running, written)
    assert changed == Changed()
    assert effective is written


def test_what_counts_now_and_what_waits_is_told_by_key() -> None:
    """A whole new table is one key; a router stays as it runs, beside the new policy."""
    text = CONFIG.replace("[policy]\n", '[policy]\nfreeze.days = ["2026-12-24"]\n').replace('"envoy"', '"haproxy"')
    running = config()
    quick = '[strategies.quick]\nstage = [{ name = "w", share = "100%" }]\n'
    effective, changed = taken_over(running, config(text + quick))
    assert changed == Changed(("policy.freeze.days", "strategies.quick"), ("routers.edge.kind",))
    assert effective.policy.freeze.days == ("2026-12-24",)
    assert effective.routers == running.routers


def test_a_second_reload_still_names_what_waits() -> None:
    """What is in force is compared, not what was read last."""
    text = CONFIG.replace('"5s"', '"3s"')
    first, _ = taken_over(config(), config(text))
    second, changed = taken_over(first, config(text + "[policy.staffed]\n" + 'weekly = ["mon 09:00 - mon 17:00"]\n'))
    assert changed == Changed(("policy.staffed.weekly",), ("sources.scrape.every",))
    assert second.sources["scrape"].every_ms == 5_000


@pytest.mark.parametrize(
    ("policy", "more", "key", "why"),
    [
        ("", NEW_SOURCE, "metrics.late.source", "There is no source new."),
        ('checks = ["sign-off"]\n', SIGN_OFF, "policy.checks", "There is no check sign-off."),
    ],
)
def test_what_rests_on_what_only_a_restart_brings_is_refused_whole(policy: str, more: str, key: str, why: str) -> None:
    """I14: nothing runs on a mixture that would have been refused as a file; key, line and the way on are said."""
    named = CONFIG.replace("template =", 'source = "scrape"\ntemplate =')
    text = named.replace("[policy]\n", f"[policy]\n{policy}") + more
    with pytest.raises(NeedsRestart) as refused:
        taken_over(config(), config(text))
    (problem,) = refused.value.problems
    assert problem.key == key
    assert problem.message.startswith(why)
    assert problem.line is not None
    assert key.rpartition(".")[2] in text.splitlines()[problem.line - 1]
    assert "systemctl restart rolloutd" in refused.value.next_step


def test_the_mixture_is_of_the_running_one_and_not_of_an_older_file() -> None:
    """A table that is gone from the file stays while it runs; one that came and waits is not there yet."""
    gone = CONFIG.replace('[metrics.latency]\ntemplate = "envoy.latency"\nslo = "250ms"\n', "")
    effective, changed = taken_over(config(), replace(config(gone), sha256="x"))
    assert changed.taken == ("metrics.latency",)
    assert "latency" not in effective.metrics

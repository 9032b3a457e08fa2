"""Reads the checks before traffic, and an adapter's own keys, out of the configuration; it carries out none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from pydantic import ValidationError

from rolloutd.core.checks import Check, CheckKind
from rolloutd.core.offline import OfflineRule
from rolloutd.core.values import format_duration
from rolloutd.settings.config_tables import AdapterTable, CheckTable, ConfigTables, OfflineTable, SchemaTable
from rolloutd.settings.locator import Path
from rolloutd.settings.plan_tables import Table
from rolloutd.settings.problems import did_you_mean
from rolloutd.settings.secrets import HOW, SecretRef, with_references
from rolloutd.settings.shape import Fitting
from rolloutd.settings.tree import CheckSettings, Settings

APPROVAL, OFFLINE, SCHEMA = "approval", "offline", "schema"
SAID_MAX = 300
_T = TypeVar("_T", bound=Table)


def options_of(table: AdapterTable, path: Path, fitting: Fitting) -> Mapping[str, object]:
    """The adapter's own keys; a secret that stands openly is a fault."""
    open_secrets: list[Path] = []
    options = with_references(table.model_extra or {}, path, open_secrets)
    for secret in open_secrets:
        fitting.add(secret, f"A secret does not stand in this file; say where it is kept: {HOW}.")
    return MappingProxyType(options)


def read_checks(tables: ConfigTables, fitting: Fitting) -> dict[str, CheckSettings]:
    """The checks by name; every fault goes to ``fitting``."""
    found = {name: _check(name, table, tables, fitting) for name, table in tables.checks.items()}
    for key, names in (("checks", tables.policy.checks), ("major_checks", tables.policy.major_checks)):
        for name in names:
            if name not in found and ("checks", name) not in fitting.broken:
                fitting.add(("policy", key), f"There is no check {name}. {did_you_mean(name, found)}")
    return found


def _check(name: str, table: CheckTable, tables: ConfigTables, fitting: Fitting) -> CheckSettings:
    path: Path = ("checks", name)
    options = options_of(table, path, fitting)
    said = "; ".join(f"{key} {_shown(value)}" for key, value in sorted(options.items()) if not _is_secret(value))
    text = f"{table.kind}, within {format_duration(table.deadline_ms)}{f': {said}' if said else ''}"
    kind = CheckKind.RUN
    if table.kind == APPROVAL:
        kind, text = CheckKind.APPROVAL, "a person's yes"
        for key in options:
            fitting.unknown_key((*path, key), ["deadline", "other_person"])
    offline = _offline(path, options, tables, fitting) if table.kind == OFFLINE else None
    schema = _fitted(SchemaTable, path, options, fitting) if table.kind == SCHEMA else None
    if schema is not None:
        _known(schema.registry, path, tables, fitting)
    check = Check(name, kind, text[:SAID_MAX], table.deadline_ms, table.other_person)
    return CheckSettings(check, table.kind, options, offline, None if schema is None else schema.registry)


def _offline(
    path: Path, options: Mapping[str, object], tables: ConfigTables, fitting: Fitting
) -> tuple[str, OfflineRule] | None:
    read = _fitted(OfflineTable, path, options, fitting)
    if read is None:
        return None
    _known(read.registry, path, tables, fitting)
    return read.registry, OfflineRule(read.metric, read.better == "higher", read.margin, read.same_data)


def _fitted(table: type[_T], path: Path, options: Mapping[str, object], fitting: Fitting) -> _T | None:
    try:
        return table.model_validate(dict(options))
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            why = "This key is needed" if fault["type"] == "missing" else fault["msg"]
            fitting.add((*path, *fault["loc"]), f"{why.removesuffix('.')}.")
        return None


def _known(registry: str, path: Path, tables: ConfigTables, fitting: Fitting) -> None:
    if registry not in tables.registries and ("registries", registry) not in fitting.broken:
        message = f"There is no registry {registry}. {did_you_mean(registry, tables.registries)}"
        fitting.add((*path, "registry"), message)


def checks_of(names: Sequence[str], change: str, settings: Settings, fitting: Fitting) -> tuple[Check, ...]:
    """The checks of a rollout: the policy's, those for its kind of change and its own, each once."""
    for name in names:
        if name not in settings.checks:
            message = f"There is no check {name}. {did_you_mean(name, settings.checks)}"
            fitting.add(("rollout", "checks"), message)
    major = settings.policy.major_checks if change == "major" else ()
    everything: Iterable[str] = dict.fromkeys([*settings.policy.checks, *major, *names])
    return tuple(settings.checks[name].check for name in everything if name in settings.checks)


def _is_secret(value: object) -> bool:
    return isinstance(value, SecretRef)


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

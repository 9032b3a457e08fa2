"""Reads the configuration file into one frozen tree and checks it as a whole; nothing of a file with a fault is used.

It knows no adapter: which templates and adapters there are is told by its caller. It reads no secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import TypeVar

from rolloutd.access import Roles
from rolloutd.core.segments import Segments
from rolloutd.core.values import BadValue, Role, Slot
from rolloutd.ports import RouteConfig, RouteSlot
from rolloutd.settings.check_files import options_of, read_checks
from rolloutd.settings.config_tables import (
    AdapterTable,
    CheckTable,
    ConfigTables,
    NotifyTable,
    RegistryTable,
    RouterTable,
    RouteTable,
    SourceTable,
)
from rolloutd.settings.document import TEXT_MAX_BYTES, Document, read_toml
from rolloutd.settings.files import loose_modes, read_small
from rolloutd.settings.locator import Path
from rolloutd.settings.metrics import read_metrics
from rolloutd.settings.plans import blue_green_strategy, read_strategy, standard_strategy
from rolloutd.settings.problems import SettingsError, did_you_mean, nearest
from rolloutd.settings.shape import Fitting, keys_of
from rolloutd.settings.tree import (
    AdapterSettings,
    KeysByKind,
    NotifierSettings,
    RegistrySettings,
    Settings,
    SourceSettings,
    Strategy,
    Vocabulary,
)

TRAFFIC = "No traffic was changed; a running daemon keeps the configuration it runs with."
STANDARD, BLUE_GREEN = "standard", "blue-green"
_K = TypeVar("_K")
_V = TypeVar("_V")


def load_settings(path: str | FilePath, vocabulary: Vocabulary) -> Settings:
    """Read the file. Raises SettingsError with every fault: its content, and modes that let others change it."""
    file = FilePath(path)
    nothing = Document(str(file), {}, None, TRAFFIC)
    try:
        raw, status = read_small(file, TEXT_MAX_BYTES)
        loose = [nothing.problem((), message) for message in loose_modes(file, status)]
    except OSError as error:
        raise nothing.refused((), f"The file cannot be read: {error.strerror}.") from None
    try:
        settings = read_settings(raw.decode(), str(file), vocabulary)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise nothing.refused((), f"The file is not UTF-8 text: line {line} has a byte that is not.") from None
    except SettingsError as error:
        raise nothing.refusal([*loose, *error.problems]) from None
    if loose:
        raise nothing.refusal(loose)
    return settings


def read_settings(text: str, file: str, vocabulary: Vocabulary) -> Settings:
    """The same from text that is at hand; ``file`` is only for errors. An empty text is the defaults."""
    return read_document(read_toml(text, file, TRAFFIC), hashlib.sha256(text.encode()).hexdigest(), vocabulary)


def read_document(document: Document, sha256: str, vocabulary: Vocabulary) -> Settings:
    """The same from what was parsed. ``sha256`` names the text that it is from."""
    fitting = Fitting(document)
    _check_adapter_keys(fitting, "routers", RouterTable, vocabulary.router_keys)
    _check_adapter_keys(fitting, "sources", SourceTable, vocabulary.source_keys)
    _check_adapter_keys(fitting, "notify", NotifyTable, vocabulary.notifier_keys)
    _check_adapter_keys(fitting, "registries", RegistryTable, vocabulary.registry_keys)
    _check_adapter_keys(fitting, "checks", CheckTable, vocabulary.check_keys)
    tables = fitting.fit(ConfigTables)
    metrics = read_metrics(tables, vocabulary, fitting)
    settings = Settings(
        file=document.file,
        sha256=sha256,
        daemon=tables.daemon,
        sockets=tables.sockets,
        roles=_roles(tables),
        policy=tables.policy,
        routers=_frozen({name: _router(name, table, fitting) for name, table in tables.routers.items()}),
        routes=_frozen({name: _route(name, table, tables, fitting) for name, table in tables.routes.items()}),
        sources=_frozen({name: _source(name, table, fitting) for name, table in tables.sources.items()}),
        notify=_frozen({name: _notifier(name, table, fitting) for name, table in tables.notify.items()}),
        registries=_frozen({name: _registry(name, table, fitting) for name, table in tables.registries.items()}),
        checks=_frozen(read_checks(tables, fitting)),
        metrics=_frozen(metrics),
        strategies={},
        vocabulary=vocabulary,
        document=fitting.document,
    )
    _check_arms(settings, fitting)
    settings = replace(settings, strategies=_frozen(_strategies(tables, settings, fitting)))
    fitting.finish()
    return settings


def _check_adapter_keys(
    fitting: Fitting, section: str, table_type: type[AdapterTable], kinds: KeysByKind | None
) -> None:
    """Slips in the tables whose keys are partly an adapter's, where pydantic sees none."""
    own = keys_of(table_type)
    tables = fitting.document.data.get(section)
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if not isinstance(table, dict):
            continue
        kind = table.get("kind")
        options = kinds.get(kind) if kinds is not None and isinstance(kind, str) else None
        if kinds is not None and isinstance(kind, str) and options is None:
            fitting.add((section, name, "kind"), f"There is no kind {kind!a}. {did_you_mean(kind, list(kinds))}")
        for key in [key for key in table if key not in own]:
            known = own if options is None else (*own, *options)
            near = nearest(key, known)
            if key in table_type.later:
                fitting.unknown_key((section, name, key), known, table_type.later[key])
            elif key not in known and (options is not None or (near is not None and near not in table)):
                fitting.unknown_key((section, name, key), known)


def _roles(tables: ConfigTables) -> Roles:
    roles = tables.roles
    return Roles(roles.viewers, roles.operators, roles.admins, Role(roles.stop_allowed_for))


def _router(name: str, table: RouterTable, fitting: Fitting) -> AdapterSettings:
    return AdapterSettings(name, table.kind, options_of(table, ("routers", name), fitting))


def _source(name: str, table: SourceTable, fitting: Fitting) -> SourceSettings:
    # A source that is read less often than it samples has nothing fresher than its last reading.
    sample_ms = max(table.every_ms, table.scrape_interval_ms or 0)
    return SourceSettings(
        name, table.kind, options_of(table, ("sources", name), fitting), table.every_ms, 2 * sample_ms
    )


def _registry(name: str, table: RegistryTable, fitting: Fitting) -> RegistrySettings:
    options = options_of(table, ("registries", name), fitting)
    return RegistrySettings(name, table.kind, options, table.every_ms, table.start_tag, table.webhook_port)


def _notifier(name: str, table: NotifyTable, fitting: Fitting) -> NotifierSettings:
    options = options_of(table, ("notify", name), fitting)
    return NotifierSettings(name, table.kind, options, table.least == "critical", table.digest_ms)


def _route(name: str, table: RouteTable, tables: ConfigTables, fitting: Fitting) -> RouteConfig:
    path = ("routes", name)
    if table.router not in tables.routers and ("routers", table.router) not in fitting.broken:
        message = f"There is no router {table.router}. {did_you_mean(table.router, tables.routers)}"
        fitting.add((*path, "router"), message)
    if table.registry is not None and table.registry not in tables.registries:
        message = f"There is no registry {table.registry}. {did_you_mean(table.registry, tables.registries)}"
        fitting.add((*path, "registry"), message)
    a, b = table.slots.a, table.slots.b
    if a.probe_url == b.probe_url:
        message = "Both slots have the same address, so a dead slot would look as alive as the other."
        fitting.add((*path, "slots", "b", "probe_url"), message)
    slots = {Slot.A: RouteSlot(a.arm, a.probe_url), Slot.B: RouteSlot(b.arm, b.probe_url)}
    return RouteConfig(
        name,
        table.router,
        _frozen(slots),
        table.team or "",
        segments=_segments(table, path, fitting),
        mirror_is_safe=table.mirror_is_safe,
        registry=table.registry or "",
        model=table.model or name,
    )


def _segments(table: RouteTable, path: Path, fitting: Fitting) -> Segments | None:
    """The segments of a route, where it tells its users apart."""
    if not (table.segment_header or table.segments or table.segment_label):
        return None
    header = table.segment_header.lower()
    label = table.segment_label or header.removeprefix("x-").replace("-", "_")
    try:
        return Segments(header, label, table.segments)
    except BadValue as error:
        fitting.add((*path, "segments" if header else "segment_header"), str(error))
        return None


def _check_arms(settings: Settings, fitting: Fitting) -> None:
    """Two slots of one router that the metrics cannot tell apart would be judged by each other's errors."""
    seen: dict[tuple[str, str], str] = {}
    for route in settings.routes.values():
        for slot, config in route.slots.items():
            place = f"{route.name}.slots.{slot}"
            first = seen.setdefault((route.router, config.arm_value), place)
            if first != place:
                message = f"{first} has the same arm, so their metrics could not be told apart."
                fitting.add(("routes", route.name, "slots", slot.value, "arm"), message)


def _strategies(tables: ConfigTables, settings: Settings, fitting: Fitting) -> dict[str, Strategy]:
    found = {}
    for name, made in ((STANDARD, standard_strategy), (BLUE_GREEN, blue_green_strategy)):
        if name not in tables.strategies:
            found[name] = read_strategy(name, made(settings.policy), ("policy",), settings, fitting)
    for name, table in tables.strategies.items():
        found[name] = read_strategy(name, table, ("strategies", name), settings, fitting)
    default = settings.policy.default_strategy
    if default not in found and ("strategies", default) not in fitting.broken:
        message = f"There is no strategy {default}. {did_you_mean(default, found)}"
        fitting.add(("policy", "default_strategy"), message)
    return found


def _frozen(mapping: Mapping[_K, _V]) -> Mapping[_K, _V]:
    """A mapping that nobody changes by accident."""
    return MappingProxyType(dict(mapping))

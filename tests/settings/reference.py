"""Writes the tables of docs/config.md from the settings' own keys; ``python -m tests.settings.reference`` puts them in.

The sentences stand once, under the fields; the page and the errors repeat them.
"""

from __future__ import annotations

import re
from pathlib import Path

from rolloutd.core.values import Share, format_duration
from rolloutd.settings.config_tables import (
    CheckTable,
    DaemonTable,
    FreezeTable,
    MetricTable,
    NotifyTable,
    OfflineTable,
    PolicyTable,
    RegistryTable,
    RolesTable,
    RouterTable,
    RouteTable,
    SchemaTable,
    SelectorTable,
    SlotTable,
    SocketsTable,
    SourceTable,
    StaffedTable,
)
from rolloutd.settings.plan_tables import (
    GateTable,
    MarginsTable,
    MarginTable,
    RolloutTable,
    SmokeTable,
    StageTable,
    StrategyTable,
    Table,
    TimingKeys,
)

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
CONFIG: dict[str, type[Table]] = {
    "[daemon]": DaemonTable,
    "[sockets]": SocketsTable,
    "[roles]": RolesTable,
    "[policy]": PolicyTable,
    "[policy.freeze]": FreezeTable,
    "[policy.staffed]": StaffedTable,
    "[policy.errors], [policy.latency]": MarginsTable,
    "[routers.NAME]": RouterTable,
    "[routes.NAME]": RouteTable,
    "[routes.NAME.slots.a], [routes.NAME.slots.b]": SlotTable,
    "[sources.NAME]": SourceTable,
    "[notify.NAME]": NotifyTable,
    "[registries.NAME]": RegistryTable,
    "[checks.NAME]": CheckTable,
    "the keys of a check of kind offline": OfflineTable,
    "the keys of a check of kind schema": SchemaTable,
    "[metrics.NAME]": MetricTable,
    "total, bad and good of a metric": SelectorTable,
    "[strategies.NAME]": StrategyTable,
}
ROLLOUT: dict[str, type[Table]] = {
    "[rollout]": RolloutTable,
    "[[stage]], [[strategies.NAME.stage]]": StageTable,
    "[[stage.smoke]], [[strategies.NAME.stage.smoke]]": SmokeTable,
    "[[gate]], [[strategies.NAME.gate]]": GateTable,
    "harm and accept": MarginTable,
    "[timing]": TimingKeys,
}


def written(value: object, name: str) -> str:
    """A default as a file would have it; a dash where a key may be left out."""
    if value is None:
        return "–"
    if isinstance(value, MarginTable):
        return f"`{{ ratio = {value.ratio} }}`"
    if isinstance(value, Table):
        return "see below"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and name.endswith("_ms"):
        return f'"{format_duration(value)}"'
    if isinstance(value, tuple | dict):
        return "[]" if isinstance(value, tuple) else "–"
    if isinstance(value, Share):
        return f'"{value}"'.replace(".0%", "%")
    return f'"{value}"' if isinstance(value, str) else str(value)


def rows(table: type[Table]) -> list[str]:
    """One line of a table for each key."""
    lines = ["| key | default | |", "|---|---|---|"]
    for name, info in table.model_fields.items():
        default = "**needed**" if info.is_required() else written(info.get_default(call_default_factory=True), name)
        if default.startswith(('"', "[")) or default in ("true", "false"):
            default = f"`{default}`"
        lines.append(f"| `{info.alias or name}` | {default} | {info.description or ''} |")
    return lines


def section(tables: dict[str, type[Table]]) -> str:
    """The tables under their headings."""
    parts = []
    for heading, table in tables.items():
        parts += [f"### {heading}", "", (table.__doc__ or "").strip().replace("``", "`"), "", *rows(table), ""]
    return "\n".join(parts)


def with_tables(page: str) -> str:
    """The page with the tables between their marks made anew."""
    for mark, tables in (("config", CONFIG), ("rollout", ROLLOUT)):
        pattern = re.compile(rf"(<!-- tables: {mark} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        body = section(tables)
        page = pattern.sub(lambda found, body=body: f"{found[1]}\n{body}{found[2]}", page)  # type: ignore[misc]
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))

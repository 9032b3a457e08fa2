"""What only the command line writes: one event a line for watching, and the versions. For its published schemas."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from rolloutd.wire import Model, TimelineEntry


class WatchEvent(TimelineEntry):
    """One line of ``rollout watch --json``: an event of the record, with the rollout it belongs to."""

    schema_: Literal["rollout.event/1"] = Field(default="rollout.event/1", alias="schema")
    name: str

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Versions(Model):
    """What ``rollout version --json`` says; ``daemon`` is null where none answers."""

    schema_: Literal["rollout.version/1"] = Field(default="rollout.version/1", alias="schema")
    rollout: str
    daemon: str | None

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

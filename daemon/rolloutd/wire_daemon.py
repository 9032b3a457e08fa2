"""What goes over the socket about the daemon itself: who answers, how old its sources are, its checks, its health.

Like the rest of the wire: fields are only added within a schema number, fractions are 0 to 1, durations seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from rolloutd.verbs import API_VERSION
from rolloutd.wire import FleetHold, Model


class Hello(Model):
    """First message of the event stream. ``simulated``: some router of this daemon carries no real traffic."""

    boot_id: str
    api: str = API_VERSION
    version: str
    host: str
    who: str
    role: str
    read_only: bool
    as_of: str
    simulated: bool = False


class SourceAge(Model):
    """One metric source and how long ago it last answered usefully."""

    name: str
    age_s: float | None
    every_s: float
    state: str = "ok"


class Heartbeat(Model):
    """Once a second on the event stream: the daemon's time, its sources' and routers' ages."""

    as_of: str
    boot_id: str
    seq: int
    sources: list[SourceAge] = []
    routers: list[SourceAge] = []
    needs_you: int = 0
    here: list[str] = []
    message: str = ""
    held: FleetHold | None = None
    proposed: list[str] = []


class Check(Model):
    """One line of the doctor's report. ``ok`` is null when it could not be checked."""

    name: str
    ok: bool | None
    detail: str
    next: str = ""


class Doctor(Model):
    """Self-check of daemon, routers, sources, permissions."""

    schema_: Literal["rollout.doctor/1"] = Field(default="rollout.doctor/1", alias="schema")
    ok: bool
    checks: list[Check]

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Health(Model):
    """Whether the daemon turns: its boot id, epoch, journal head, and counts."""

    ok: bool
    version: str
    boot_id: str
    epoch: int
    head_seq: int
    head_hash: str
    live: int
    total: int
    degraded: str = ""

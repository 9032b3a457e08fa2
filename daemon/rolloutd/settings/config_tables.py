"""The tables and keys of the configuration file, each with its sentence and its default; cross-checks live in load.py.

The sentence under a key is its documentation: ``docs/config.md`` and the error for a missing key are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from rolloutd.core.values import Share
from rolloutd.freeze import Calendar
from rolloutd.settings import freeze_windows as fw
from rolloutd.settings import values as v
from rolloutd.settings.plan_tables import MarginsTable, StrategyTable, Table


class AdapterTable(Table):
    """A table whose other keys belong to the adapter that ``kind`` names."""

    model_config = ConfigDict(extra="allow")
    kind: v.Name
    """Which adapter this is."""


class DaemonTable(Table):
    """The daemon itself."""

    state_dir: v.Folder = "/var/lib/rolloutd"
    """Where the journal and the evidence are kept."""
    tick_ms: v.TickMs = Field(10_000, alias="tick")
    """The check interval of every rollout that does not ask for a shorter one."""
    seal_every: v.Ticks = 30
    """Every this many ticks the digest of the evidence enters the journal's hash chain."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important line that is logged: debug, info, warning or error."""
    metrics_port: int = Field(0, ge=0, le=65_535)
    """A port of 127.0.0.1 on which a Prometheus may scrape /metrics; 0 is none. The view socket has them anyway."""
    metrics_file: v.FileOrNone = ""
    """A file for node_exporter's textfile collector, written anew every ten seconds; empty is none."""


class SocketsTable(Table):
    """The two sockets that people and scripts talk to."""

    dir: v.SocketFolder = "/run/rolloutd"
    """The folder of control.sock and view.sock."""
    group: v.Text = "rolloutd"
    """The unix group that may connect; what each member may do is said in [roles]."""


class RolesTable(Table):
    """Who may do what, by unix group. Root and the daemon's own user are always admins."""

    viewers: v.Groups = ()
    """Groups that may look."""
    operators: v.Groups = ()
    """Groups that may also start, pause, resume, promote on evidence and abort."""
    admins: v.Groups = ()
    """Groups that may also override."""
    stop_allowed_for: Literal["viewer", "operator"] = "operator"
    """The least role that may stop a rollout: operator or viewer."""


class SlotTable(Table):
    """One of the two places behind a route."""

    arm: v.Text
    """What the metrics call this slot: Envoy's cluster, HAProxy's backend, nginx's upstream, or a target's label."""
    probe_url: v.Url
    """An address of the slot's own model server that answers 200 when it is ready."""


class SlotsTable(Table):
    """The two slots. Champion and challenger are roles that a rollout gives them."""

    a: SlotTable
    """The one slot."""
    b: SlotTable
    """The other slot."""


class RouteTable(Table):
    """What a router splits: one model's live traffic."""

    later: ClassVar[Mapping[str, str]] = {
        "key": "Sticky assignment by a key is not built yet; the router splits each request by itself.",
    }
    router: v.Name
    """A router of [routers]."""
    team: v.Name | None = None
    """Whose route this is; [policy] max_concurrent_team counts by it."""
    registry: v.Name | None = None
    """A registry of [registries] where the model's versions are kept; it is told of every rollout on this route."""
    model: v.Text | None = None
    """The model's name in the registry, for versions that start by themselves; left out, it is the route's name."""
    slots: SlotsTable
    """The two slots behind it."""
    mirror_is_safe: bool = False
    """Whether requests may be copied to the challenger: they have no side effects, and its servers bear them too."""
    segment_header: v.Line = ""
    """The request header whose value names a user's segment, such as x-region; left out, nobody is told apart."""
    segment_label: v.Line = ""
    """The label of the metrics that says the segment; left out, it is the header's name without x-, - being _."""
    segments: v.Names = ()
    """The segments by name: values of the header, in small letters. Every other request is in the segment other."""


class RouterTable(AdapterTable):
    """A router. Keys not named here are the adapter's own."""


class SourceTable(AdapterTable):
    """A place that counters are read from. Keys not named here are the adapter's own."""

    later: ClassVar[Mapping[str, str]] = {
        "max_age": "How old a sample may be is not written: it lives for two of scrape_interval.",
    }
    every_ms: v.CadenceMs = Field(10_000, alias="every")
    """How often it is read."""
    scrape_interval_ms: v.CadenceMs | None = Field(None, alias="scrape_interval")
    """How often it takes its own samples; one older than two of these is no data. Left out, it is the same as every."""


class NotifyTable(AdapterTable):
    """Somebody who is told when a rollout needs a person. Keys not named here are the adapter's own."""

    least: Literal["warning", "critical"] = "warning"
    """The least important thing that it is told: warning (all), or critical (goes back, not obeyed)."""
    digest_ms: v.CadenceMs = Field(60_000, alias="digest")
    """What comes thicker than five messages arrives as one, this often; not for systems that group themselves."""


class RegistryTable(AdapterTable):
    """A model registry. Keys not named here are the adapter's own."""

    every_ms: v.CadenceMs = Field(60_000, alias="every")
    """How often it is looked at for new versions, and asked again after it did not answer."""
    start_tag: v.Line = ""
    """A new version with this tag starts a rollout (value start) or is proposed to people (propose); empty: neither."""
    webhook_port: int = Field(0, ge=0, le=65_535)
    """The port of the loopback on which the registry's signed webhooks wake the look at it; 0 for none."""


class CheckTable(AdapterTable):
    """A check before any traffic. Keys not named here belong to its kind."""

    deadline_ms: v.CheckMs = Field(60_000, alias="deadline")
    """Within this time it has passed, all tries together, or it has not. An approval has all the time there is."""
    other_person: bool = True
    """Of an approval: whether it must be somebody else than who started the rollout."""


class OfflineTable(Table):
    """The keys of a check of kind offline: the challenger against the champion by what the registry says of both."""

    registry: v.Name
    """A registry of [registries]."""
    metric: v.Text
    """The metric's name in the registry."""
    better: Literal["higher", "lower"] = "higher"
    """Which way is better."""
    margin: float = Field(0.0, ge=0, allow_inf_nan=False)
    """By so much the challenger may be worse than the champion."""
    same_data: bool = True
    """Whether both must have been measured on one data set, by its digest."""


class SchemaTable(Table):
    """The keys of a check of kind schema: what the challenger takes and gives against the champion's."""

    registry: v.Name
    """A registry of [registries] that keeps signatures."""


class SelectorTable(Table):
    """A set of series."""

    series: v.Series
    """The sample's whole name, such as http_requests_total or latency_seconds_bucket."""
    match: dict[v.Label, v.Match] = Field({}, max_length=20)
    """Labels that must fit: "text", { not = "text" } or { regex = "5.." }."""


class MetricTable(Table):
    """A fraction of requests, or a mean: a shipped template, a query, or total with bad, good or sum written out."""

    template: v.Name | None = None
    """A shipped template, such as envoy.errors; left out, total and bad or good are written here."""
    source: v.Name | None = None
    """A source of [sources]; it may be left out when there is only one."""
    slo_ms: v.SloMs | None = Field(None, alias="slo")
    """For latency: slower than this is bad. It must be a bucket's bound of the histogram."""
    arm_label: v.Label | None = None
    """The label whose value is the slot's arm; left out, it is the template's own."""
    query: v.Query | None = None
    """In place of a template, of a source of kind sql: a statement with a row for each arm (docs/gates.md)."""
    ripe_ms: v.RipeMs | None = Field(None, alias="ripe")
    """For labels, which come late: so old is a request when it counts, with its label as known by then."""
    total: SelectorTable | None = None
    """All requests."""
    bad: SelectorTable | None = None
    """The failed ones; or else good."""
    good: SelectorTable | None = None
    """Those that were good, such as a histogram's bucket; or else bad."""
    sum: SelectorTable | None = None
    """Or, for a mean: what is summed over all requests, such as cost, revenue, tokens or seconds; never below zero."""
    better: Literal["lower", "higher"] | None = None
    """Of a mean: which way is better. With it the column value of a query is a mean and no part of requests."""
    classes: v.Classes = ()
    """Of drift: the classes that answers are told apart into, such as ["cat", "dog"]; all others are one more."""
    edges: v.Edges = ()
    """Or, of drift where the answer is a number: the edges between which it lies, such as [0.2, 0.5, 0.8]."""
    class_label: v.Label | None = None
    """Of drift with total written out: the label whose value is the answer's class."""


class FreezeTable(Table):
    """When nothing begins and nothing goes up. Going back is never frozen."""

    time_zone: fw.Zone = "UTC"
    """The zone of the times below, such as Europe/Berlin."""
    weekly: fw.WeeklyTexts = ()
    """Windows of every week, such as "fri 16:00 - mon 08:00"."""
    days: fw.DaysTexts = ()
    """Whole days, such as "2026-12-25" or "2026-12-24 - 2027-01-01"."""
    once: fw.OnceTexts = ()
    """Windows of one time, such as "2026-11-27 18:00 - 2026-11-30 06:00"."""

    def calendar(self) -> Calendar:
        """The windows as they are asked."""
        return fw.calendar(self.time_zone, self.weekly, self.days, self.once)


class StaffedTable(Table):
    """When somebody is there who would see what going up does; at other times the daemon raises nothing by itself."""

    time_zone: fw.Zone = "UTC"
    """The zone of the times below, such as Europe/Berlin."""
    weekly: fw.WeeklyTexts = ()
    """Windows of every week, such as "mon 09:00 - mon 17:30"; left out, somebody is always there."""

    def calendar(self) -> Calendar:
        """The windows as they are asked."""
        return fw.calendar(self.time_zone, self.weekly, (), ())


class PolicyTable(Table):
    """What every rollout must keep to."""

    default_strategy: v.Name = "standard"
    """The strategy of a rollout that names none; any other one needs a reason."""
    min_time_ms: v.DurationMs = Field(15 * 60_000, alias="min_time")
    """No stage may be shorter."""
    min_ticks: v.Ticks = 30
    """No stage may rest on fewer ticks with data."""
    alpha: float = Field(0.01, gt=0, le=0.2, allow_inf_nan=False)
    """The chance of going back for nothing, once for the whole rollout."""
    beta: float = Field(0.05, gt=0, le=0.2, allow_inf_nan=False)
    """The chance, at each stage, of going on with a challenger that is worse than accept."""
    warm_up_ms: v.DurationMs = Field(5 * 60_000, alias="warm_up")
    """After each change of the share, for this long only gross harm counts and nothing speaks for going on."""
    window_ticks: v.Ticks = 30
    """Ticks of fresh data after every doubt (restart, lapse, drift) before anything goes up."""
    blind_hold_ticks: v.Ticks = Field(1, alias="blind_hold")
    """Ticks without usable data after which nothing advances."""
    blind_recede_ticks: v.Ticks = Field(20, alias="blind_recede")
    """Ticks without usable data after which the share goes to zero."""
    holdback: v.Holdback = Share(100)
    """What stays on the champion in the last stage, to compare with."""
    max_first_share: v.Percent = Share(500)
    """How large a first share may be made where a smaller one could not decide at the present traffic."""
    low_traffic: Literal["refuse", "start"] = "refuse"
    """A plan whose first stage could not decide at all: refuse it, or start it as written, unmeasured."""
    gates: v.Names = ()
    """Metrics that every rollout is judged on. A rollout may set their limits, but not leave them out."""
    checks: v.Names = ()
    """Checks of [checks] that every rollout must pass before any traffic. A rollout may add to them."""
    major_checks: v.Names = ()
    """Checks that a rollout of change = "major" must pass besides, such as a second person's approval."""
    second_person: bool = True
    """Whether an override that leads to second_person_from or more needs a second admin, who approves it."""
    second_person_from: v.Percent = Share(5_000)
    """An override that leads to this share or more needs two people."""
    major_second_person_from: v.Percent = Share(5_000)
    """The same for a rollout of change = "major", where the smaller of both counts; 0% is any override."""
    max_concurrent: int = Field(0, ge=0, le=100_000)
    """So many rollouts may be live at once, 0 for any number; a route and a model carry one at a time anyway."""
    max_concurrent_team: int = Field(0, ge=0, le=100_000)
    """So many of one team (a route's team) may be live at once, 0 for any number."""
    max_concurrent_router: int = Field(0, ge=0, le=100_000)
    """So many behind one router, and so on its host, may be live at once, 0 for any number."""
    allow_short_times: bool = False
    """For demonstrations and tests: rollouts may choose times and ticks below the policy's; the record says so."""
    freeze: FreezeTable = FreezeTable()
    """When nothing begins and nothing goes up."""
    staffed: StaffedTable = StaffedTable()
    """When the daemon may go up by itself: somebody is there. A person may promote at any time."""
    errors: MarginsTable = MarginsTable()
    """The margins of error gates that name none."""
    latency: MarginsTable = MarginsTable()
    """The margins of latency gates that name none."""


class ConfigTables(Table):
    """The whole configuration file."""

    daemon: DaemonTable = DaemonTable()
    """The daemon itself."""
    sockets: SocketsTable = SocketsTable()
    """The two sockets that people and scripts talk to."""
    roles: RolesTable = RolesTable()
    """Who may do what."""
    policy: PolicyTable = PolicyTable()
    """What every rollout must keep to."""
    routers: dict[v.Name, RouterTable] = Field({}, max_length=1000)
    """The routers by name."""
    routes: dict[v.Name, RouteTable] = Field({}, max_length=1000)
    """The routes by name."""
    sources: dict[v.Name, SourceTable] = Field({}, max_length=1000)
    """The metric sources by name."""
    notify: dict[v.Name, NotifyTable] = Field({}, max_length=100)
    """Who is told, by name."""
    registries: dict[v.Name, RegistryTable] = Field({}, max_length=100)
    """The model registries by name."""
    checks: dict[v.Name, CheckTable] = Field({}, max_length=200)
    """The checks before traffic by name."""
    metrics: dict[v.Name, MetricTable] = Field({}, max_length=1000)
    """The metrics by name."""
    strategies: dict[v.Name, StrategyTable] = Field({}, max_length=1000)
    """The strategies by name; standard is there without being written."""

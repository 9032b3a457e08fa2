"""The four stories of the demo as data, and the files they are written in; nothing is started here.

Only margins, rates, shares and times are the demo's own. alpha and beta are the shipped ones, so they stand nowhere.
"""

from __future__ import annotations

import grp
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rolloutd.core.values import Slot
from rolloutd.ports import Segments
from tests.engines.servers import ModelServer

RPS = 300
"""Requests a second on each route."""
CHAMPION_ERRORS, CHALLENGER_ERRORS = 0.05, 0.04
FAULTY_ERRORS, CREEPING_ERRORS = 0.5, 0.12
"""Of a challenger gone wrong: shown within a few seconds; and slowly enough (10 to 40 s) to be watched and aborted."""
LIMIT = 0.15
SEGMENT_HEADER = "x-region"
SEGMENT_WORSE = 3.0
"""How many times as often a bad segment fails."""
HARM_RATIO, ACCEPT_RATIO = 1.2, 2.0
STAGES = (("canary", "10%", "20s"), ("half", "50%", "15s"), ("watch", "100%", "15s"))
HOLDBACK = "10%"
TICK, EVERY = "500ms", "250ms"
WARM_UP, WINDOW_TICKS, MIN_TICKS = "3s", 10, 20
ANSWERS_EVERY = "1s"
DIFFERS, MAY_DIFFER = 0.02, "20%"
"""Of the pairs in a shadow: those whose labels differ beside those that one side failed, and how many may."""
_PAIRS = f'\n[[gate]]\nmetric = "agreement"\nlimit = "{MAY_DIFFER}"\n\n[[gate]]\nmetric = "coverage"\nlimit = "5%"\n'
LABELS_AFTER_S, RIPE_S = 4.0, 10
"""When the label of a request is known, and how old a request is when it counts."""
_LABELS = f'\n[[gate]]\nmetric = "wrong"\nharm = {{ ratio = {HARM_RATIO} }}\naccept = {{ ratio = {ACCEPT_RATIO} }}\n'
BY_HAND_BP = 4_000
FAULT_AFTER_S = 6.0
"""From the moment Envoy shows the first stage's share."""


class Fault(StrEnum):
    """What goes wrong."""

    NONE = "none"
    ERRORS = "errors"
    BLIND = "blind"
    BY_HAND = "by hand"
    ABORT = "abort"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class Case:
    """One story: its route (and name), what goes wrong, and how it must end.

    It goes wrong ``fault_after_s`` after Envoy shows a share of ``fault_from_bp`` or more. ``stages`` is a written-out
    plan in the place of the demo's own strategy; ``errors`` are the champion's and the healthy challenger's rates.
    ``segments`` are its users by segment with their parts (no name: the rest), ``rings`` in which order they must
    get it, ``isolated`` who must be so at the end,
    ``gate`` more keys of its gate. ``wrong`` are the parts of the champion's and the challenger's answers that are not
    what their labels will say, where there are labels.
    """

    route: str
    fault: Fault
    outcome: str
    share_bp: int
    fault_from_bp: int = 1
    fault_after_s: float = FAULT_AFTER_S
    stages: str = ""
    errors: tuple[float, float] = (CHAMPION_ERRORS, CHALLENGER_ERRORS)
    segments: tuple[tuple[str, float], ...] = ()
    rings: tuple[str, ...] = ()
    isolated: tuple[str, ...] = ()
    gate: str = ""
    limit: float = LIMIT
    wrong: tuple[float, float] | None = None

    @property
    def logged(self) -> bool:
        """Whether its servers write down what they answer."""
        return self.shadowed or self.wrong is not None

    @property
    def named(self) -> tuple[str, ...]:
        """The segments by name, without the rest of its users."""
        return tuple(name for name, _ in self.segments if name)

    @property
    def previewed(self) -> bool:
        """Whether it begins without any traffic."""
        return "smoke" in self.stages

    @property
    def shadowed(self) -> bool:
        """Whether it begins with copies of requests."""
        return "mirror" in self.stages


CASES = (
    Case("healthy", Fault.NONE, "done", 10_000),
    Case("harmful", Fault.ERRORS, "rolled_back", 0),
    Case("blind", Fault.BLIND, "held", 0),
    Case("drifting", Fault.BY_HAND, "done", 10_000),
)
MARGINS = {"harm": {"ratio": HARM_RATIO}, "accept": {"ratio": ACCEPT_RATIO}}

_SERVED = """\
[metrics.served]
source = "regions"
arm_label = "slot"
total = { series = "predictions_total" }
bad = { series = "predictions_total", match = { code = { regex = "5.." } } }"""
Servers = Mapping[str, Mapping[Slot, ModelServer]]


def make_servers(cases: Sequence[Case] = CASES) -> dict[str, dict[Slot, ModelServer]]:
    """Two model servers a route: the champion in slot a, the challenger in slot b."""
    return {
        case.route: {
            Slot.A: _server(case, "a", "v1", case.errors[0]),
            Slot.B: _server(case, "b", "v2", case.errors[1]),
        }
        for case in cases
    }


def _server(case: Case, slot: str, version: str, errors: float) -> ModelServer:
    header = SEGMENT_HEADER if case.segments else ""
    differs = DIFFERS if case.shadowed and slot == "b" else 0.0
    if case.wrong is not None:
        differs = case.wrong[slot == "b"]
    name = f"{case.route}-{slot}"
    return ModelServer(name, version, failure_rate=errors, differ_rate=differs, segment_header=header)


def segments_of(cases: Sequence[Case]) -> dict[str, Segments]:
    """The segments of the routes that have any."""
    return {case.route: Segments(SEGMENT_HEADER, "region", case.named) for case in cases if case.segments}


def config_text(folder: Path, admin_url: str, routes_file: Path, servers: Servers, cases: Sequence[Case]) -> str:
    """The daemon's configuration, TOML.

    A route that goes blind is judged by its servers' own pages, so that these can go away; the others by Envoy's.
    """
    counters = f"{admin_url}/stats/prometheus?filter=upstream_rq_(completed|5xx)"

    def pages(*, blind: bool) -> str:
        """The servers' own pages: of routes that go blind, or of those whose users are told apart."""
        return ", ".join(
            f'{{ url = "{server.url}/metrics", labels = {{ slot = "{server.slot}" }} }}'
            for case in cases
            if (case.fault is Fault.BLIND if blind else bool(case.segments))
            for server in servers[case.route].values()
        )

    own = [
        f'[sources.models]\nkind = "scrape"\nevery = "{EVERY}"\ntargets = [{pages(blind=True)}]',
        '[metrics.own-errors]\ntemplate = "python.errors"\nsource = "models"',
    ]
    logs = [
        f'{{ path = "{log_of(folder, server)}" }}'
        for case in cases
        if case.logged
        for server in servers[case.route].values()
    ]
    logs += [f'{{ path = "{labels_of(folder, case)}" }}' for case in cases if case.wrong is not None]
    head = f'[sources.answers]\nkind = "predictions"\nevery = "{EVERY}"\nscrape_interval = "{ANSWERS_EVERY}"'
    answers = [
        f"{head}\nfiles = [{', '.join(logs)}]",
        *(f'[metrics.{name}]\ntemplate = "pairs.{name}"\nsource = "answers"' for name in ("agreement", "coverage")),
        f'[metrics.wrong]\ntemplate = "labels.wrong"\nsource = "answers"\nripe = "{RIPE_S}s"',
    ]
    apart = [f'[sources.regions]\nkind = "scrape"\nevery = "{TICK}"\ntargets = [{pages(blind=False)}]', _SERVED]
    parts = [
        f'[daemon]\nstate_dir = "{folder}/state"\ntick = "{TICK}"',
        f'[sockets]\ndir = "{folder}/run"\ngroup = "{grp.getgrgid(os.getegid()).gr_name}"',
        f'[policy]\nallow_short_times = true\ndefault_strategy = "demo"\nholdback = "{HOLDBACK}"',
        f'[routers.edge]\nkind = "envoy"\nadmin = "{admin_url}"\nroutes_file = "{routes_file}"',
        f'[sources.envoy]\nkind = "scrape"\nevery = "{EVERY}"\ntargets = [{{ url = "{counters}" }}]',
        '[metrics.errors]\ntemplate = "envoy.errors"\nsource = "envoy"',
        *(own if pages(blind=True) else []),
        *(apart if pages(blind=False) else []),
        *(answers if logs else []),
        *(_route(case, servers[case.route]) for case in cases),
        _strategy(),
    ]
    return "\n\n".join(parts) + "\n"


def spec_text(case: Case, name: str, champion: str, challenger: str) -> str:
    """A rollout file, TOML."""
    metric = "served" if case.segments else "own-errors" if case.fault is Fault.BLIND else "errors"
    return (
        f'[rollout]\nname = "{name}"\nmodel = "{case.route}"\nroute = "{case.route}"\n'
        f'champion = "{champion}"\nchallenger = "{challenger}"\nreason = "demo"\n\n{case.stages}'
        f'[[gate]]\nmetric = "{metric}"\nlimit = "{case.limit:.0%}"\n'
        f"harm = {{ ratio = {HARM_RATIO} }}\naccept = {{ ratio = {ACCEPT_RATIO} }}\n{case.gate}"
        f"{_PAIRS if case.shadowed else ''}{_LABELS if case.wrong else ''}"
    )


def log_of(folder: Path, server: ModelServer) -> Path:
    """Where a server of a shadow writes its answers."""
    return folder / f"{server.slot}.jsonl"


def labels_of(folder: Path, case: Case) -> Path:
    """Where the labels of a route's requests are written, once they are known."""
    return folder / f"{case.route}.labels.jsonl"


def figures() -> str:
    """What a person must know to judge what follows."""
    shares = ", ".join(f"{share} for at least {time}" for _, share, time in STAGES)
    return (
        f"Each of {len(CASES)} routes gets {RPS} requests a second. Champions fail {CHAMPION_ERRORS:.0%} of them, "
        f"challengers {CHALLENGER_ERRORS:.0%}.\n"
        f"Stages: {shares}, with {HOLDBACK} held back at the end. Checked every {TICK}, counters read every {EVERY}; "
        f"warm-up {WARM_UP}.\n"
        f"Margins: harm beyond x{HARM_RATIO:g}, accepted below x{ACCEPT_RATIO:g}, never above {LIMIT:.0%}. "
        "alpha and beta as shipped."
    )


def _route(case: Case, slots: Mapping[Slot, ModelServer]) -> str:
    name = case.route
    apart = f'segment_header = "{SEGMENT_HEADER}"\nsegments = {json.dumps(case.named)}' if case.segments else ""
    arms = [
        f'[routes.{name}.slots.{slot}]\narm = "{server.slot}"\nprobe_url = "{server.url}/version"'
        for slot, server in slots.items()
    ]
    return "\n".join([f'[routes.{name}]\nrouter = "edge"\nmirror_is_safe = true\n{apart}', *arms])


def _strategy() -> str:
    head = f'[strategies.demo]\ntick = "{TICK}"\nwarm_up = "{WARM_UP}"\nwindow_ticks = {WINDOW_TICKS}'
    stages = [
        f"[[strategies.demo.stage]]\nname = {json.dumps(name)}\nshare = {json.dumps(share)}\n"
        f'min_time = {json.dumps(time)}\nmax_time = "2m"\nmin_ticks = {MIN_TICKS}\non_undecided = "extend"'
        for name, share, time in STAGES
    ]
    return "\n\n".join([head, *stages])

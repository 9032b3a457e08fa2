"""Wires everything: the only module that names adapters (by their registry). `rolloutd` starts here.

Exit codes: 0 stopped on purpose, 2 usage or configuration, 3 another daemon acts here, 4 the journal is unusable,
12 it is sound but a share change in it has no intent or no outcome, 1 anything unforeseen.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import uvloop

from rolloutd import proof
from rolloutd.about import program_version
from rolloutd.access import Access
from rolloutd.alerting import Told
from rolloutd.core.checks import CheckKind
from rolloutd.core.plan import Spec
from rolloutd.core.rules import Limits
from rolloutd.daemon import Daemon, Reread
from rolloutd.gauges import ToldMetrics
from rolloutd.journal import JournalError
from rolloutd.lock import AlreadyRunning
from rolloutd.logs import set_up_logging
from rolloutd.offering import offered
from rolloutd.offline_check import OfflineExaminer, SchemaExaminer
from rolloutd.outside import Outside
from rolloutd.ports import Examiner, MetricSource, Prober, Registry, RolloutdError, Router, SignsNotes
from rolloutd.registering import Registered
from rolloutd.rereading import Rereading
from rolloutd.settings.load import load_settings
from rolloutd.settings.problems import Problem, SettingsError
from rolloutd.settings.secrets import read_all
from rolloutd.settings.spec_file import read_spec
from rolloutd.settings.tree import Settings, Vocabulary
from rolloutd.sockets import SocketTrouble, open_listeners

SWITCH_INTERVAL_S = 0.000_5
"""How long the journal's thread waits for a busy event loop to let it run: an abort needs both by turns (measured with
1,000 rollouts on a busy host: a third of the time that Python's 5 ms cost)."""
YOUNG_ONLY = (700, 10, 1_000_000_000)
"""Thresholds of Python's collector: looking through everything takes a fifth of a second where a thousand rollouts are
live, and an abort would wait for it. The daemon does it once an hour."""
DEFAULT_CONFIG = "/etc/rolloutd/config.toml"
EXIT_USAGE, EXIT_RUNNING, EXIT_JOURNAL = 2, 3, 4


def vocabulary() -> Vocabulary:
    """The words that the adapters understand."""
    from rollout_adapters.metrics import templates
    from rollout_adapters.registry import ASKED_BY_QUERY, CANNOT_MIRROR

    return Vocabulary(templates.make_template, templates.NAMES, CANNOT_MIRROR, ASKED_BY_QUERY)


def make_outside(settings: Settings) -> Outside:
    """Routers, sources and prober as configured. Raises SettingsError or an adapter's own sentence."""
    from rollout_adapters import registry

    routers: dict[str, Router] = {}
    for name, router in settings.routers.items():
        routes = {key: route for key, route in settings.routes.items() if route.router == name}
        with _place(settings, "routers", name):
            routers[name] = registry.make_router(router.kind, read_all(router.options), routes)
    sources: dict[str, MetricSource] = {}
    for name, source in settings.sources.items():
        with _place(settings, "sources", name):
            sources[name] = registry.make_source(source.kind, name, read_all(source.for_adapter()))
    prober, registries = registry.make_prober(settings.routes), _make_registries(settings)
    made = Outside(
        registries={
            name: Registered(made, said.every_ms, said.start_tag, said.webhook_port)
            for name, made in registries.items()
            for said in (settings.registries[name],)
        },
        examiners=_make_examiners(settings, prober, registries),
        notifiers=_make_notifiers(settings),
        routes=settings.routes,
        routers=routers,
        lease_ms={name: registry.lease_ms(routers[route.router]) for name, route in settings.routes.items()},
        prober=prober,
        sources=sources,
        every_ms={name: source.every_ms for name, source in settings.sources.items()},
    )
    return governed(made, settings)


def governed(outside: Outside, settings: Settings) -> Outside:
    """The outside under the policy of these settings, and with what a start can be made of by them."""
    return replace(
        outside,
        first_share=settings.policy.max_first_share,
        limits=limits_of(settings),
        offered=offered(settings),
        calendar=settings.policy.freeze.calendar(),
        staffed=settings.policy.staffed.calendar(),
        holds_starts=settings.policy.low_traffic == "refuse" and not settings.policy.allow_short_times,
    )


def _make_registries(settings: Settings) -> dict[str, Registry]:
    from rollout_adapters import registry
    from rollout_adapters.options import BadOption

    made = {}
    for name, said in settings.registries.items():
        with _place(settings, "registries", name):
            made[name] = registry.make_registry(said.kind, name, read_all(said.options))
            if said.webhook_port and not _signs(made[name]):
                why = f"Registry {name} ({said.kind}) has a webhook_port and no webhook_secret."
                raise BadOption(why, "webhook_port")
    return made


def _signs(made: Registry) -> bool:
    """Whether its webhooks can be told from anybody's."""
    return isinstance(made, SignsNotes) and made.has_secret


def _make_examiners(settings: Settings, prober: Prober, registries: Mapping[str, Registry]) -> dict[str, Examiner]:
    """Who carries out the checks before traffic; an approval is a person's."""
    from rollout_adapters import registry

    made: dict[str, Examiner] = {}
    for name, said in settings.checks.items():
        if said.offline is not None:
            made[name] = OfflineExaminer(registries[said.offline[0]], said.offline[1])
        elif said.schema is not None:
            made[name] = SchemaExaminer(registries[said.schema])
        elif said.check.kind is CheckKind.RUN:
            with _place(settings, "checks", name):
                made[name] = registry.make_check(said.kind, name, read_all(said.options), prober)
    return made


def limits_of(settings: Settings) -> Limits:
    """The policy's limits of live rollouts."""
    policy, routes = settings.policy, settings.routes
    return Limits(
        policy.max_concurrent,
        policy.max_concurrent_team,
        policy.max_concurrent_router,
        {name: route.team for name, route in routes.items() if route.team},
        {name: route.router for name, route in routes.items()},
    )


def _make_notifiers(settings: Settings) -> dict[str, Told]:
    """Who is told, as configured."""
    from rollout_adapters import registry

    notifiers = {}
    for name, said in settings.notify.items():
        with _place(settings, "notify", name):
            made = registry.make_notifier(said.kind, name, read_all(said.options))
        notifiers[name] = Told(made, said.only_critical, said.digest_ms)
    return notifiers


@contextmanager
def _place(settings: Settings, section: str, name: str) -> Iterator[None]:
    """Give an adapter's complaint about an option its file and line."""
    from rollout_adapters.options import BadOption

    try:
        yield
    except BadOption as error:
        raise settings.refused((section, name, error.key), str(error)) from None


def spec_reader(settings: Settings) -> _SpecReader:
    """How the desk turns a request's body into a spec."""
    return _SpecReader(settings)


class _SpecReader:
    """Reads a spec by the settings the daemon runs with."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, body: Mapping[str, object]) -> Spec:
        """Raises SettingsError with every fault of the spec."""
        reason, file = str(body.get("reason") or ""), str(body.get("file") or "rollout")
        written = body.get("spec_toml")
        spec = body.get("spec")
        if isinstance(written, str):
            return read_spec(written, file, self._settings, reason)
        if isinstance(spec, Mapping):
            return read_spec(spec, file, self._settings, reason)
        fault = Problem(file, "", None, "The request has neither spec_toml (text) nor spec (an object).")
        raise SettingsError([fault], "No rollout was started and traffic is as before.")


async def serve(settings: Settings) -> None:
    """Run the daemon until a signal or a failure."""
    stop, again = asyncio.Event(), asyncio.Event()
    running = asyncio.get_running_loop()
    running.add_signal_handler(signal.SIGHUP, again.set)
    daemon = await Daemon.open(Path(settings.daemon.state_dir), make_outside(settings), spec_reader(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.set)
    group = settings.sockets.group or None
    listeners = open_listeners(Path(settings.sockets.dir), group, os.environ)
    told = ToldMetrics(settings.daemon.metrics_port, settings.daemon.metrics_file)
    rereading = Rereading(settings, make_outside, governed, spec_reader)
    await daemon.run(
        stop, Access(settings.roles), listeners, settings.daemon.seal_every, told, Reread(rereading, again)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rolloutd", description="Moves new model versions into production on evidence."
    )
    parser.add_argument("--version", action="version", version=program_version())
    parser.add_argument("--config", default=DEFAULT_CONFIG, help=f"configuration file (default {DEFAULT_CONFIG})")
    verbs = parser.add_subparsers(dest="verb")
    check = verbs.add_parser("check", help="read the configuration, say whether it is in order, start nothing")
    abort = verbs.add_parser("emergency-abort", help="take every share of every route to zero, without the daemon")
    abort.add_argument("--if-stale", metavar="TIME", help="only when the daemon gave no sign of life for this long")
    audit = verbs.add_parser("audit", help="what the journal's file proves by itself")
    verify = audit.add_subparsers(dest="what", required=True).add_parser("verify", help="the chain, and every change")
    verify.add_argument("file", nargs="?", metavar="FILE", help="a journal or a copy of one (default: the daemon's)")
    verify.add_argument("--published", metavar="SEQ:HASH", help="a head from the system journal it must lead through")
    backup = verbs.add_parser("backup", help="copy journal and evidence into a new folder, kept only when whole")
    backup.add_argument("folder", metavar="DEST", help="a folder that does not exist yet")
    for verb in (check, abort, verify, backup):
        verb.add_argument("--config", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def main(argv: list[str] | None = None) -> int:
    """The `rolloutd` command."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.verb == "audit" and arguments.file:  # needs no configuration
            return proof.verify(Path(arguments.file), arguments.published)
        settings = load_settings(arguments.config, vocabulary())
        if arguments.verb == "check":
            make_outside(settings)
            print(f"{arguments.config} is in order.")
            return 0
        if arguments.verb == "emergency-abort":
            from rolloutd.emergency import emergency_abort

            return asyncio.run(emergency_abort(settings, make_outside(settings), arguments.if_stale))
        state_dir = Path(settings.daemon.state_dir)
        if arguments.verb == "audit":
            return proof.verify(state_dir / proof.JOURNAL, arguments.published)
        if arguments.verb == "backup":
            return proof.backup(state_dir, Path(arguments.folder))
        set_up_logging(settings.daemon.log_level)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.set_threshold(*YOUNG_ONLY)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except AlreadyRunning as error:
        return _say(error, EXIT_RUNNING)
    except (SettingsError, SocketTrouble) as error:
        return _say(error, EXIT_USAGE)
    except JournalError as error:
        return _say(error, EXIT_JOURNAL)
    except RolloutdError as error:
        return _say(error, 1)
    return 0


def _say(error: RolloutdError, code: int) -> int:
    print(f"{error}\nNext: {error.next_step}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())

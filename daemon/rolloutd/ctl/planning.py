"""The verbs plan, simulate and replay: what a plan will take, would do, or would have done. Nothing is started here.

``plan check`` asks the daemon, which measures the present traffic; with ``--rps`` it is calculated here. The other two
always are: the real core on a virtual clock, loaded only when it is called.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import click

from rolloutd.ctl import exits, recommending, render_plan
from rolloutd.ctl.session import Session, common, duration_s, live_names
from rolloutd.ctl.starting import MEASURE_S, read_spec

TICKS_BYTES_MAX = 256 * 1_024 * 1_024
_CONFIG = click.option("--config", metavar="FILE", help="The configuration (the daemon's own, where it can be read).")
_RATES = click.option(
    "--champion-errors", multiple=True, metavar="P", help="Such as 1%, or errors=1% for one gate of several."
)


def offline() -> ModuleType:
    """The rehearsals; they load the whole core."""
    return importlib.import_module("rolloutd.rehearsal.offline")


def rates(given: tuple[str, ...], option: str) -> dict[str, float]:
    """``1%``, ``0.01`` or ``METRIC=1%`` as parts of requests, by metric; the key is empty without one."""
    found = {}
    for text in given:
        metric, _, value = text.rpartition("=")
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", value.strip())
        number = float(match[1]) / (100 if match[2] else 1) if match else 2.0
        if not 0.0 <= number < 1.0:
            raise exits.usage(f"{option} {text!r} is no part of requests.", f"Write it like {option} 1%.")
        found[metric] = number
    return found


@click.command()
@click.argument("what", type=click.Choice(["check", "recommend"]))
@click.argument("file", required=False)
@click.option("--rps", type=click.FloatRange(0, min_open=True), help="Calculate here, at so many requests a second.")
@_RATES
@click.option("--latency", multiple=True, metavar="P", help="The champion's part of slow requests, with --rps.")
@click.option("--phi", default=1.0, type=click.FloatRange(1), help="How bursty errors are, with --rps; 1 is not.")
@recommending.options
@_CONFIG
@common
def plan(session: Session, what: str, file: str | None, **given: object) -> int:
    """Check a plan FILE: samples and time to a verdict of each stage and gate. Or recommend a strategy by rules."""
    options = cast(dict[str, Any], given)
    if what == "recommend":
        errors = rates(options["champion_errors"], "--champion-errors")
        return recommending.recommend(session, file, errors, options, lambda one: _asked(session, read_spec(one), one))
    if file is None:
        raise exits.usage("What is checked is a FILE.", "rollout plan check FILE")
    recommending.refuse_with_a_file(options)
    return _check(session, file, options)


def _check(session: Session, file: str, options: dict[str, Any]) -> int:
    rps, champion_errors, latency = options["rps"], options["champion_errors"], options["latency"]
    phi, config = options["phi"], options["config"]
    text = read_spec(file)
    if rps is None:
        if champion_errors or latency or config:
            message = "--champion-errors, --latency and --config are for a traffic that is given, and --rps is not."
            raise exits.usage(message, f"rollout plan check {file} --rps 100")
        found = _asked(session, text, file)
    else:
        errors, slow = rates(champion_errors, "--champion-errors"), rates(latency, "--latency")
        module = offline()
        try:
            found = module.check(text, file, config, rps, errors, slow, phi)
        except module.Unusable as error:
            raise _refused(error) from error
    session.data(found, render_plan.outlook)
    return exits.REFUSED if found["decision"] == "refused" else exits.DONE


def _asked(session: Session, text: str, file: str) -> dict[str, Any]:
    """The daemon's own word, at the traffic it measures."""
    session.note("Measuring the present traffic; this takes two readings of the source.")
    body = {"spec_toml": text, "file": file, "reason": "plan check"}
    try:
        done = session.client().post("rollouts", body=body, query="?dry_run=1", wait_s=MEASURE_S)
    except exits.Failure as failure:
        if failure.exit_code == exits.UNREACHABLE:
            failure.problem["next"] = f"Without a daemon: rollout plan check {file} --rps 100 --champion-errors 1%"
        raise
    found: dict[str, Any] | None = done.get("plan")
    if found is None:
        raise exits.Failure(exits.UNEXPECTED, "unexpected", "The daemon is older and makes no forecast.", "Use --rps.")
    return found


@click.command()
@click.argument("file")
@click.option("--rps", required=True, type=click.FloatRange(0, min_open=True), help="Requests a second on the route.")
@_RATES
@click.option("--challenger-errors", multiple=True, metavar="P", help="The same of the challenger, from --onset on.")
@click.option("--latency", multiple=True, metavar="P[,P]", help="Slow requests: the champion's, and the challenger's.")
@click.option("--onset", default="0s", metavar="D", help="When it begins, after the first share.")
@click.option("--nuisance", default="", metavar="LIST", help="bursts=3,diurnal=0.7,mix-shift=0.1,resets")
@click.option("--runs", default=200, type=click.IntRange(1, 100_000), help="How many rollouts.")
@click.option("--seed", default=1, type=click.IntRange(0), help="All chance follows from it.")
@click.option("--jobs", default=0, type=click.IntRange(0, 256), help="Processes; all cores if left out.")
@click.option("--requests-per-user", default=1.0, type=click.FloatRange(0, min_open=True), help="To count users.")
@_CONFIG
@common
def simulate(session: Session, file: str, **given: object) -> int:
    """What a plan FILE would do on made-up traffic: odds of each end, time and requests to it, users exposed."""
    options = cast(dict[str, Any], given)
    slow = [_pair(text) for text in options["latency"]]
    asked = {
        "config": options["config"],
        "rps": options["rps"],
        "champion": (
            rates(options["champion_errors"], "--champion-errors"),
            rates(tuple(before for before, _ in slow), "--latency"),
        ),
        "challenger": (
            rates(options["challenger_errors"], "--challenger-errors"),
            rates(tuple(after for _, after in slow if after), "--latency"),
        ),
        "onset_ms": round(duration_s(options["onset"]) * 1_000),
        "nuisance": _nuisance(options["nuisance"]),
        "runs": options["runs"],
        "seed": options["seed"],
        "hands": options["jobs"] or os.cpu_count() or 1,
        "per_user": options["requests_per_user"],
    }
    if not isfinite(options["requests_per_user"]):
        raise exits.usage("--requests-per-user is no number of requests.", "Write it like --requests-per-user 3.")
    module = offline()
    try:
        found = module.simulate(read_spec(file), file, asked)
    except module.Unusable as error:
        raise _refused(error) from error
    session.data(found, render_plan.simulation)
    return exits.DONE


def _pair(text: str) -> tuple[str, str]:
    """``METRIC=2%,3%`` as ``METRIC=2%`` and ``METRIC=3%``; the second is empty where it is left out."""
    metric, equals, values = text.rpartition("=")
    first, _, second = values.partition(",")
    return f"{metric}{equals}{first}", f"{metric}{equals}{second}" if second else ""


def _nuisance(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        try:
            found[name.strip()] = float(value) if equals else 1.0
        except ValueError as error:
            raise exits.usage(f"--nuisance {part!r} has no number.", "Write it like bursts=3.") from error
    return found


@click.command()
@click.argument("source", metavar="NAME|FILE", shell_complete=live_names)
@click.option("--plan", "plan_file", metavar="FILE", help="Another plan than the rollout's own; needed for a FILE.")
@_CONFIG
@common
def replay(session: Session, source: str, plan_file: str | None, config: str | None) -> int:
    """What a plan would have done on recorded counts: a rollout's NAME, or a FILE of ticks (CSV, or JSON lines)."""
    is_file = source == "-" or Path(source).is_file()
    if is_file and plan_file is None:
        raise exits.usage("Ticks from a file need a plan.", f"rollout replay {source} --plan FILE")
    plan_text = None if plan_file is None else read_spec(plan_file)
    recording = None if is_file else session.client().get("rollouts", source, "replay")
    module = offline()
    try:
        if recording is None:
            found = module.replay_file(_ticks(source), source, plan_text, plan_file, config)
        else:
            other = None if plan_text is None else (plan_text, plan_file)
            found = module.replay_recording(recording, other, config)
    except module.Unusable as error:
        raise _refused(error) from error
    session.data(found, render_plan.replay)
    return exits.DONE


def _ticks(file: str) -> str:
    try:
        data = sys.stdin.buffer.read(TICKS_BYTES_MAX + 1) if file == "-" else Path(file).read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise exits.usage(f"{file} cannot be read: {error}.", "Name a CSV file, or one of JSON lines.") from error
    if len(data) > TICKS_BYTES_MAX:
        raise exits.usage(f"{file} is larger than {TICKS_BYTES_MAX >> 20} MiB.", "Add ticks together first.")
    return text


def _refused(error: Exception) -> exits.Failure:
    return exits.usage(str(error), str(getattr(error, "next_step", "")))


COMMANDS: dict[str, Any] = {"plan": plan, "simulate": simulate, "replay": replay}

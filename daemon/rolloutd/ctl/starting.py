"""The verb start: sends a spec file to the daemon, which checks it as a whole; here only its syntax is looked at."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from rolloutd.ctl import exits, render, render_plan
from rolloutd.ctl.following import Goal, follow
from rolloutd.ctl.session import Session, common
from rolloutd.ctl.watching import remark

SPEC_BYTES_MAX = 48 * 1_024
MEASURE_S = 60.0
"""The daemon may take two readings of a slow source before it answers."""


def read_spec(file: str) -> str:
    """The text of a spec file, ``-`` for stdin. Raises Failure with the line where it is not TOML."""
    import tomllib

    try:
        data = sys.stdin.buffer.read(SPEC_BYTES_MAX + 1) if file == "-" else Path(file).read_bytes()
        text = data.decode("utf-8")
    except OSError as error:
        raise exits.usage(f"{file} cannot be read: {error.strerror}.", "Name the spec file of the rollout.") from error
    except UnicodeDecodeError as error:
        raise exits.usage(f"{file} is not UTF-8 text, at byte {error.start}.", "Save it as UTF-8.") from error
    if len(data) > SPEC_BYTES_MAX:
        raise exits.usage(f"{file} is larger than {SPEC_BYTES_MAX} bytes.", "A spec is a page or two.")
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise exits.usage(f"{file} is not TOML: {error}.", "Correct that line; nothing was sent.") from error
    return text


@click.command()
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Only say whether it would start.")
@click.option("--wait", "wait", is_flag=True, help="Until it ends; --timeout limits it.")
@click.option("--fail-on-hold", is_flag=True, help="With --wait: exit 5 as soon as it waits for a person.")
@click.option("--reason", default="", help="Why; it stays in the record.")
@common
def start(session: Session, file: str, dry_run: bool, wait: bool, fail_on_hold: bool, reason: str) -> int:
    """Start a rollout from a spec FILE (- for stdin)."""
    body = {"spec_toml": read_spec(file), "file": file, "reason": reason}
    client = session.client()
    done = client.post("rollouts", body=body, query="?dry_run=1" if dry_run else "", wait_s=MEASURE_S)
    if not (wait and session.as_json) or dry_run:
        session.data(done, render.action if not dry_run else _would)
    if dry_run:
        return exits.DONE if done["accepted"] else exits.REFUSED
    if not wait:
        return exits.DONE
    last: list[dict[str, Any]] = []

    def keep(found: dict[str, Any]) -> None:
        last[:] = [found]

    code = follow(client, done["name"], [Goal("done")], session.timeout_s, fail_on_hold, keep)
    if last:
        session.data(last[0], render.status)
    return remark(session, code, done["name"])


def _would(done: dict[str, Any]) -> str:
    would = "would start" if done["accepted"] else "would be REFUSED"
    said = f" {done['message']}" if done.get("message") else ""
    if done.get("plan"):
        return f"{done['name']} {would}. Nothing was started.{said}\n{render_plan.outlook(done['plan'])}"
    return f"{done['name']} {would}. Nothing was started.{said}"


COMMANDS = {"start": start}

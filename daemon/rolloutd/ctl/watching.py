"""The verbs that stay: watch prints one line a change, wait nothing; both end with a truthful code."""

from __future__ import annotations

import time
from typing import Any

import click

from rolloutd.ctl import exits, interrupts, render
from rolloutd.ctl.client import RETRY_EVERY_S, Client, passes
from rolloutd.ctl.following import LOST_S, Goal, follow
from rolloutd.ctl.saying import clean, to_json
from rolloutd.ctl.session import Session, common, live_names

_REMARKS = {
    exits.ENDED_WITHOUT: "{name} ended without the new version. Why: rollout why {name}",
    exits.TIME_IS_UP: "The time limit is reached; {name} goes on. See it: rollout status {name}",
    exits.WAITS_FOR_A_PERSON: "{name} waits for a person. See why: rollout why {name}",
}


def remark(session: Session, code: int, name: str) -> int:
    """Say on stderr what a code means here; returns the code."""
    if code in _REMARKS:
        session.note(_REMARKS[code].format(name=name))
    return code


class _Printer:
    """Prints what is new in the record, and the state where it looks different. ``from_seq`` None means from now on."""

    def __init__(self, session: Session, client: Client, from_seq: int | None) -> None:
        self._session = session
        self._client = client
        self._seq = from_seq
        self._shown: tuple[Any, ...] = ()
        self._until_s = float("inf") if session.timeout_s is None else time.monotonic() + session.timeout_s

    def __call__(self, found: dict[str, Any]) -> None:
        record = self._record(found["name"])
        if self._seq is None:
            self._seq = max((row["seq"] for row in record["entries"]), default=0)
            record["entries"] = []
        for row in record["entries"]:
            self._seq = max(self._seq, row["seq"])
            if self._session.as_json:
                event = {"schema": "rollout.event/1", "name": found["name"], **row}
                print(to_json(event), flush=True)
            else:
                print(clean(render.entry(row, found["name"])), flush=True)
        looks = (found["state"], found["stage"]["index"], found["on_new"]["asked"], found["on_new"]["observed"])
        if looks != self._shown and not self._session.as_json:
            print(clean(render.change(found)), flush=True)
        self._shown = looks

    def _record(self, name: str) -> dict[str, Any]:
        """What is new in the record; where the daemon went away after its picture, it is asked again for a while."""
        until_s = time.monotonic() + LOST_S
        while True:
            interrupts.check()
            try:
                return self._client.get("rollouts", name, "timeline", since_seq=self._seq or 0)
            except exits.Failure as failure:
                away = failure.exit_code == exits.UNREACHABLE or passes(failure)
                if not away or time.monotonic() >= min(until_s, self._until_s):
                    raise
            time.sleep(RETRY_EVERY_S)


@click.command()
@click.argument("name", shell_complete=live_names)
@click.option("--until", default="done", help="Comma-separated: done, confirmed, stage=N.")
@click.option("--from-seq", type=click.IntRange(0), help="Also what is on record after this sequence number.")
@click.option("--fail-on-hold", is_flag=True, help="Exit 5 as soon as it waits for a person.")
@common
def watch(session: Session, name: str, until: str, from_seq: int | None, fail_on_hold: bool) -> int:
    """One line per change, until the end."""
    goals = [Goal.parse(text) for text in until.split(",")]
    client = session.client()
    printer = _Printer(session, client, from_seq)
    return remark(session, follow(client, name, goals, session.timeout_s, fail_on_hold, printer), name)


@click.command()
@click.argument("name", shell_complete=live_names)
@click.option("--for", "goal", default="done", help="done, confirmed or stage=N.")
@click.option("--fail-on-hold", is_flag=True, help="Exit 5 as soon as it waits for a person.")
@common
def wait(session: Session, name: str, goal: str, fail_on_hold: bool) -> int:
    """Silent watch for pipelines; --timeout limits it."""
    last: list[dict[str, Any]] = []

    def keep(found: dict[str, Any]) -> None:
        last[:] = [found]

    goals = [Goal.parse(goal)]
    code = follow(session.client(), name, goals, session.timeout_s, fail_on_hold, keep)
    if session.as_json and last:
        session.data(last[0], render.status)
    return remark(session, code, name)


COMMANDS = {"watch": watch, "wait": wait}

"""The verbs that look once: status, list, why, timeline, doctor, audit."""

from __future__ import annotations

import click

from rolloutd.ctl import exits, render
from rolloutd.ctl.following import verdict
from rolloutd.ctl.session import Session, common, live_names


@click.command()
@click.argument("name", required=False, shell_complete=live_names)
@click.option("--exit-state", is_flag=True, help="Exit 3 if it ended without the new version, 5 if it waits for you.")
@common
def status(session: Session, name: str | None, exit_state: bool) -> int:
    """One rollout now; without NAME the whole fleet."""
    if name is None:
        if exit_state:
            raise exits.usage("--exit-state needs the NAME of one rollout.", "rollout status NAME --exit-state")
        return _fleet(session, "", 1_000)
    found = session.client().get("rollouts", name)
    session.data(found, render.status)
    return verdict(found) if exit_state else exits.DONE


@click.command(name="list")
@click.option("--filter", "text", default="", help="Only those that match.")
@click.option("--limit", default=1_000, type=click.IntRange(1, 20_000), help="At most so many.")
@common
def list_(session: Session, text: str, limit: int) -> int:
    """All rollouts, most urgent first."""
    return _fleet(session, text, limit)


def _fleet(session: Session, text: str, limit: int) -> int:
    query: dict[str, str | int] = {"limit": limit, **({"filter": text} if text else {})}
    session.data(session.client().get("rollouts", **query), render.fleet)
    return exits.DONE


@click.command()
@click.argument("name", shell_complete=live_names)
@common
def why(session: Session, name: str) -> int:
    """The decision in words."""
    session.data(session.client().get("rollouts", name, "why"), render.why)
    return exits.DONE


@click.command()
@click.argument("name", shell_complete=live_names)
@click.option("--since", default=0, type=click.IntRange(0), help="Only after this sequence number.")
@common
def timeline(session: Session, name: str, since: int) -> int:
    """Who did what, when and why."""
    session.data(session.client().get("rollouts", name, "timeline", since_seq=since), render.timeline)
    return exits.DONE


@click.command()
@common
def doctor(session: Session) -> int:
    """Check daemon, routers, sources and rights."""
    found = session.client().get("doctor")
    session.data(found, render.doctor)
    return exits.DONE if found["ok"] else exits.REFUSED


@click.command()
@common
def audit(session: Session) -> int:
    """What the last verification of the journal's chain found; `rolloutd audit verify` needs no daemon."""
    found = session.client().get("audit")
    session.data(found, render.audit)
    return exits.DONE if found["ok"] else exits.REFUSED


COMMANDS = {"status": status, "list": list_, "why": why, "timeline": timeline, "doctor": doctor, "audit": audit}

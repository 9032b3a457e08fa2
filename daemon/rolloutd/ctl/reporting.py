"""The verbs report, stats and evidence: what was recorded, on one page, as measures, or by a framework's table."""

from __future__ import annotations

from pathlib import Path

import click

from rolloutd.ctl import exits, report_html, report_text
from rolloutd.ctl.saying import clean, to_json
from rolloutd.ctl.session import Session, common, duration_s, live_names

FORMATS = {"text": report_text.text, "markdown": report_text.markdown, "html": report_html.page}


@click.command()
@click.argument("name", shell_complete=live_names)
@click.option("--format", "form", default="text", type=click.Choice(list(FORMATS)), help="html is one whole file.")
@click.option("--out", metavar="FILE", help="Write it there instead of to stdout.")
@common
def report(session: Session, name: str, form: str, out: str | None) -> int:
    """One page about a rollout: outcome, ladder, metrics, checks, overrides, incidents, the way back."""
    found = session.client().get("rollouts", name, "report")
    made = to_json(found) if session.as_json else clean(FORMATS[form](found)).rstrip("\n")
    if out is None:
        print(made)
        return exits.DONE
    try:
        Path(out).write_text(made + "\n", encoding="utf-8")
    except OSError as error:
        raise exits.usage(f"{out} cannot be written: {error.strerror}.", "Name a file in a folder of yours.") from error
    session.note(f"{found['name']}: written to {out}.")
    return exits.DONE


@click.command()
@click.option("--since", default="90d", metavar="D", help="Of rollouts that were requested in this time.")
@common
def stats(session: Session, since: str) -> int:
    """Success measures of all rollouts: uptime, velocity, change-fail rate, time to restore, cost, review of gates."""
    session.data(session.client().get("stats", since_s=max(1, round(duration_s(since)))), report_text.stats)
    return exits.DONE


@click.command()
@click.argument("name", shell_complete=live_names)
@click.option("--framework", default="nist-ai-rmf", type=click.Choice(["nist-ai-rmf"]), help="By which table.")
@common
def evidence(session: Session, name: str, framework: str) -> int:  # noqa: ARG001  # there is one
    """What a rollout's record evidences of a framework, and what it does not."""
    session.data(session.client().get("rollouts", name, "evidence"), report_text.evidence)
    return exits.DONE


COMMANDS = {"report": report, "stats": stats, "evidence": evidence}

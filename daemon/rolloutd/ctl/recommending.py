"""`rollout plan recommend`: the situation as options, a strategy with its rule as the answer; no daemon is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from rolloutd.ctl import exits
from rolloutd.ctl.session import Session, duration_s

_OWN = {"wrong_answer": "cheap", "label_delay": "0s", "spare": True, "change": "standard", "at_once": False}
_NEXT = "rollout plan recommend --help, or docs/strategies.md"


def options(command: Callable[..., int]) -> Callable[..., int]:
    """The questions of a recommendation, for the command plan."""
    for add in (
        click.option("--faster", metavar="D", help="What would go unseen in so much time; it changes no answer."),
        click.option("--at-once", is_flag=True, help="To recommend: both versions cannot serve side by side."),
        click.option("--change", default="standard", type=click.Choice(["standard", "major"]), help="To recommend."),
        click.option("--spare/--no-spare", default=True, help="To recommend: room for a second full copy."),
        click.option("--accept", default=1.5, help="To recommend: times the champion's errors that may be accepted."),
        click.option("--label-delay", default="0s", metavar="D", help="To recommend: until an answer's label comes."),
        click.option(
            "--wrong-answer", default="cheap", type=click.Choice(["cheap", "costly", "for-good"]),
            help="To recommend: what one costs; for-good cannot be undone.",
        ),
    ):  # fmt: skip
        command = add(command)
    return command


def refuse_with_a_file(given: Mapping[str, Any]) -> None:
    """Options of a recommendation say nothing to a check. Raises Failure."""
    if any(given[name] != default for name, default in _OWN.items()) or given["faster"]:
        raise exits.usage("A plan that is written is checked, not recommended.", "rollout plan recommend --rps N ...")


def recommend(session: Session, file: str | None, errors: Mapping[str, float], given: Mapping[str, Any]) -> int:
    """Ask the rules and print."""
    from rolloutd.core import analysis

    if file is not None or given["latency"] or given["config"]:
        raise exits.usage("A recommendation takes the situation, no file.", _NEXT)
    if given["rps"] is None:
        raise exits.usage("How much traffic is there? --rps is missing.", "rollout plan recommend --rps 100")
    try:
        found = analysis.recommend(
            {
                "rps": given["rps"], "champion_errors": errors.get("", 0.01), "accept": given["accept"],
                "wrong": given["wrong_answer"], "label_delay_h": duration_s(given["label_delay"]) / 3600,
                "spare": given["spare"], "major": given["change"] == "major", "at_once": given["at_once"],
            },
            duration_s(given["faster"]) / 3600 if given["faster"] else None,
        )  # fmt: skip
    except analysis.BadSituation as error:
        raise exits.usage(str(error), _NEXT) from error
    session.data(found, _words)
    return exits.DONE


def _words(found: dict[str, Any]) -> str:
    """For people."""
    other = found["runner_up"]
    lines = [
        f"{found['strategy']}: {found['stages']}, {found['lasts']}.",
        f"  rule       {found['rule']}: {found['because']}",
        f"  runner-up  {other['strategy']} ({other['stages']}, {other['lasts']}): {other['because']}",
        f"  unseen     in {found['unseen']['hours']:g} h at 1%: {_unseen(found['unseen']['unseen_ratio'])}",
    ]
    if found["faster"] is not None:
        faster = found["faster"]
        unseen = _unseen(faster["unseen_ratio"])
        lines.append(f"  faster     in {faster['hours']:.3g} h at 1%: {unseen}. A deadline changes no answer.")
    lines += [f"  note       {note}" for note in found["notes"]]
    lines.append(f'For the rollout\'s file, and so for the record:\n  reason = "{found["reason"]}"')
    return "\n".join(lines)


def _unseen(ratio: float | None) -> str:
    return "any harm at all" if ratio is None else f"up to {ratio:.2f} times the champion's errors"

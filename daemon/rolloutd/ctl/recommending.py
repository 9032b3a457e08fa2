"""`rollout plan recommend`: the situation as options, a strategy with its rule as the answer.

With a FILE in the place of ``--rps`` the daemon measures the traffic of its route; otherwise no daemon is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from rolloutd.ctl import exits
from rolloutd.ctl.render import span as span_of
from rolloutd.ctl.session import Session, duration_s

_OWN = {
    "wrong_answer": "cheap",
    "label_delay": "0s",
    "spare": True,
    "change": "standard",
    "at_once": False,
    "weight": 0.5,
}
_NEXT = "rollout plan recommend --help, or docs/strategies.md"


def options(command: Callable[..., int]) -> Callable[..., int]:
    """The questions of a recommendation, for the command plan."""
    for add in (
        click.option("--faster", metavar="D", help="What would go unseen in so much time; it changes no answer."),
        click.option("--at-once", is_flag=True, help="To recommend: both versions cannot serve side by side."),
        click.option("--change", default="standard", type=click.Choice(["standard", "major"]), help="To recommend."),
        click.option("--spare/--no-spare", default=True, help="To recommend: room for a second full copy."),
        click.option("--accept", default=1.5, help="To recommend: times the champion's errors that may be accepted."),
        click.option("--weight", default=0.5, help="To recommend: the errors' part of the harm evidence."),
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


def recommend(
    session: Session,
    file: str | None,
    errors: Mapping[str, float],
    given: Mapping[str, Any],
    measure: Callable[[str], Mapping[str, Any]],
) -> int:
    """Ask the rules and print. ``measure`` has the daemon forecast a file's plan at the traffic that there is."""
    from rolloutd.core import analysis

    if given["latency"] or given["config"] or (file is not None and given["rps"] is not None):
        raise exits.usage("A recommendation takes the traffic by --rps, or from the route of a FILE.", _NEXT)
    if file is None and given["rps"] is None:
        raise exits.usage("How much traffic is there? --rps is missing.", "rollout plan recommend --rps 100")
    seen = {"rps": given["rps"], "champion_rate": 0.01, "phi": given["phi"]} if file is None else _seen(measure(file))
    try:
        found = analysis.recommend(
            {
                "rps": seen["rps"], "champion_errors": errors.get("", seen["champion_rate"]), "phi": seen["phi"],
                "accept": given["accept"], "weight": given["weight"],
                "wrong": given["wrong_answer"], "label_delay_h": duration_s(given["label_delay"]) / 3600,
                "spare": given["spare"], "major": given["change"] == "major", "at_once": given["at_once"],
            },
            duration_s(given["faster"]) / 3600 if given["faster"] else None,
        )  # fmt: skip
    except analysis.BadSituation as error:
        raise exits.usage(str(error), _NEXT) from error
    session.data(found, _words)
    return exits.DONE


def _seen(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """The traffic of the gate that is slowest on the first stage that has one. Raises Failure where none is known."""
    slowest = next((stage["slowest"] for stage in plan["stages"] if stage["slowest"]), None)
    found: Mapping[str, Any] | None = next((one for one in plan["traffic"] if one["metric"] == slowest), None)
    if found is None:
        raise exits.usage("The traffic could not be measured.", "rollout plan recommend --rps 100 --champion-errors 1%")
    return found


def _words(found: dict[str, Any]) -> str:
    """For people."""
    other = found["runner_up"]
    lines = [
        f"{found['strategy']}: {found['stages']}, {found['lasts']}.",
        f"  rule       {found['rule']}: {found['because']}",
        f"  runner-up  {other['strategy']} ({other['stages']}, {other['lasts']}): {other['because']}",
        f"  unseen     in {found['unseen']['hours']:g} h at 1%: {_unseen(found['unseen']['unseen_ratio'])}",
    ]
    lines += _forecast(found["forecast"])
    if found["faster"] is not None:
        faster = found["faster"]
        unseen = _unseen(faster["unseen_ratio"])
        lines.append(f"  faster     in {faster['hours']:.3g} h at 1%: {unseen}. A deadline changes no answer.")
    lines += [f"  note       {note}" for note in found["notes"]]
    lines.append(f'For the rollout\'s file, and so for the record:\n  reason = "{found["reason"]}"')
    return "\n".join(lines)


def _forecast(told: dict[str, Any]) -> list[str]:
    """How long a first stage of the standard takes to decide here, either way."""

    def span(hours: dict[str, float] | None) -> str:
        return "never" if hours is None else f"{span_of(3600 * hours['mean'])} ({span_of(3600 * hours['p90'])})"

    at, decides, twice = f"{told['share']:.0%}", span(told["decides_h"]), span(told["twice_h"])
    said = f"at {at} a good version passes after {decides}, twice the errors are seen after {twice}"
    return [f"  forecast   {said}; means, and what nine of ten stay under"]


def _unseen(ratio: float | None) -> str:
    return "any harm at all" if ratio is None else f"up to {ratio:.2f} times the champion's errors"

"""Everything that can be said when a request is not carried out: RFC 9457 problems in three parts; it decides nothing.

Each says what happened, what that means for traffic now, and what to do next.
"""

from __future__ import annotations

import http

from rolloutd.core.commands import EXIT_OF, RefusalCode, Refused
from rolloutd.verbs import VerbRow
from rolloutd.wire import Problem

UNCHANGED = "Unchanged."
HTTP_OF: dict[RefusalCode, int] = {
    RefusalCode.GATE: 409,
    RefusalCode.NOT_PERMITTED: 403,
    RefusalCode.CONFLICT: 412,
    RefusalCode.NOT_NOW: 409,
    RefusalCode.NOT_FOUND: 404,
    RefusalCode.BAD_INPUT: 400,
    RefusalCode.NOT_BUILT: 501,
}
EXIT_UNEXPECTED, EXIT_USAGE = 1, 2


class Trouble(Exception):
    """A request ends here with this problem. ``close`` also ends the connection: the rest of it cannot be trusted."""

    def __init__(self, problem: Problem, close: bool = False) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.close = close


def problem(
    status: int,
    code: str,
    message: str,
    next_step: str,
    *,
    exit_code: int = EXIT_USAGE,
    traffic: str = UNCHANGED,
    revision: int | None = None,
) -> Problem:
    """A problem with the title of its HTTP status."""
    return Problem(
        title=http.HTTPStatus(status).phrase,
        status=status,
        code=code,
        exit=exit_code,
        message=message,
        traffic=traffic,
        next=next_step,
        revision=revision,
    )


def of_refused(refused: Refused, traffic: str, revision: int | None) -> Problem:
    """The problem for a command that the inside refused."""
    return problem(
        HTTP_OF[refused.code],
        refused.code.value,
        refused.message,
        refused.next_step,
        exit_code=EXIT_OF[refused.code],
        traffic=traffic,
        revision=revision,
    )


def bad_input(message: str, next_step: str, status: int = 400) -> Problem:
    """The request cannot be understood."""
    return problem(status, RefusalCode.BAD_INPUT.value, message, next_step)


def not_found(name: str, nearest: str | None) -> Problem:
    """There is no rollout of that name."""
    hint = f"rollout status {nearest}" if nearest else "rollout list"
    return problem(
        404,
        RefusalCode.NOT_FOUND.value,
        f"There is no rollout {name!r}.",
        hint,
        exit_code=EXIT_OF[RefusalCode.NOT_FOUND],
    )


def not_permitted(who: str, role: str, row: VerbRow, needed: str, groups: tuple[str, ...], traffic: str) -> Problem:
    """The caller's role does not suffice; says who could do it."""
    able = f"members of {' or '.join(groups)}" if groups else "root and the daemon's own user"
    return problem(
        403,
        RefusalCode.NOT_PERMITTED.value,
        f"{who} is {role} here; {row.verb} needs {needed}.",
        f"Ask somebody who may: {able}.",
        exit_code=EXIT_OF[RefusalCode.NOT_PERMITTED],
        traffic=traffic,
    )


def not_built(row: VerbRow) -> Problem:
    """The verb is known but this version cannot do it yet."""
    return problem(
        501,
        RefusalCode.NOT_BUILT.value,
        f"{row.verb} ({row.help}) is not built yet in this version.",
        "See what is: rollout --help",
        exit_code=EXIT_OF[RefusalCode.NOT_BUILT],
    )


def stopping(traffic: str) -> Problem:
    """The daemon goes down while a request waits."""
    return problem(
        503,
        "stopping",
        "The daemon is stopping; a command that it had accepted is in its record and goes on after the restart.",
        "Ask again with the same Idempotency-Key in a few seconds.",
        exit_code=EXIT_UNEXPECTED,
        traffic=traffic,
    )


def unexpected() -> Problem:
    """A fault of ours. The details are in the log, never in the answer."""
    return problem(
        500,
        "unexpected",
        "The daemon made a mistake while answering; its log has the details.",
        "journalctl -u rolloutd -n 50; then: rollout doctor",
        exit_code=EXIT_UNEXPECTED,
        traffic="As the last confirmed status says: rollout list",
    )

"""Exit codes, and what is raised where something was not done: a sentence in three parts. It prints nothing."""

from __future__ import annotations

from collections.abc import Mapping

DONE = 0
UNEXPECTED = 1
USAGE = 2
ENDED_WITHOUT = 3
TIME_IS_UP = 4
WAITS_FOR_A_PERSON = 5
REFUSED = 6
NOT_PERMITTED = 7
CONFLICT = 8
NOT_FOUND = 9
UNREACHABLE = 10
NOT_CONFIRMED = 11
INTERRUPTED = 130

MEANINGS = {
    DONE: "done, or the awaited condition holds",
    UNEXPECTED: "unexpected error",
    USAGE: "usage",
    ENDED_WITHOUT: "the rollout ended without the new version",
    TIME_IS_UP: "time limit reached; the rollout goes on",
    WAITS_FOR_A_PERSON: "waiting for a person",
    REFUSED: "refused by a gate, a check or policy",
    NOT_PERMITTED: "not permitted for you",
    CONFLICT: "it changed since you looked",
    NOT_FOUND: "no such rollout",
    UNREACHABLE: "daemon not reachable",
    NOT_CONFIRMED: "accepted, but the router did not confirm in time",
    INTERRUPTED: "interrupted; the daemon goes on with what it has",
}
UNCHANGED = "Unchanged."
LEFT_ALONE = "Interrupted. The daemon goes on with what it has, also with what was just sent. See it: rollout list"


class Failure(Exception):
    """The command ends here, with this exit code and these three parts."""

    def __init__(self, exit_code: int, code: str, message: str, next_step: str, traffic: str = UNCHANGED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.problem: dict[str, object] = {
            "schema": "rollout.error/1",
            "code": code,
            "exit": exit_code,
            "message": message,
            "traffic": traffic,
            "next": next_step,
        }

    @classmethod
    def answered(cls, problem: Mapping[str, object]) -> Failure:
        """What the daemon said, word for word. An exit code it does not give is 1."""
        exit_code = problem.get("exit")
        made = cls(exit_code if isinstance(exit_code, int) and exit_code != 0 else UNEXPECTED, "unexpected", "", "")
        made.problem.update(problem)
        return made


def usage(message: str, next_step: str) -> Failure:
    """The command line itself does not fit."""
    return Failure(USAGE, "usage", message, next_step)

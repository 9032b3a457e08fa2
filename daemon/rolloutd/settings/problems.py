"""What is wrong with a file that people write: every fault with its file, key, line and nearest known key.

It only collects and words faults; it reads no file and repairs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rolloutd.ports import RolloutdError
from rolloutd.settings.locator import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. ``key`` is the dotted way to it (lists count from 0); ``line`` is None where the text had no lines."""

    file: str
    key: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = " ".join(filter(None, (f"line {self.line}" if self.line else "", self.key)))
        return f"{place}: {self.message}" if place else self.message


class SettingsError(RolloutdError):
    """A configuration or a rollout file was refused as a whole. ``problems`` has every fault that was found.

    ``what`` lists them for people, ``traffic`` says what the refusal means for traffic now; the message is both.
    """

    next_step = "Correct every line that is named here, and try again."

    def __init__(self, problems: Iterable[Problem], traffic: str) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        self.traffic = traffic
        self.what = self._what()
        super().__init__(f"{self.what}\n{traffic}")

    def _what(self) -> str:
        file = self.problems[0].file if self.problems else "The file"
        count = len(self.problems)
        faults = "one fault" if count == 1 else f"{count} faults"
        return "\n".join(
            [f"{file} was refused as a whole, for {faults}:", *(f"  {problem}" for problem in self.problems)]
        )


def dotted(path: Path) -> str:
    """``("stage", 1, "share")`` as people read it: ``stage[1].share``. Odd keys are quoted as TOML would."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.isascii() and part.replace("-", "").replace("_", "").isalnum()
            text += ("." if text else "") + (part if plain else ascii(part))
    return text


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that a slip of the fingers could have meant, or None when none is near."""
    if not known:
        return None
    distance, best = min((slips(word.lower(), candidate.lower()), candidate) for candidate in known)
    return best if distance <= max(1, len(best) // 3) and distance < len(best) else None


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The second half of "there is no such thing": the nearest one, else all of them, else that there are none."""
    near = nearest(word, known)
    if near is not None:
        return f"Did you mean {near}?"
    return f"Known here: {', '.join(known)}." if known else "None are known here."


def slips(one: str, other: str) -> int:
    """How many letters were added, lost, changed or swapped with a neighbour (optimal string alignment distance).

    Words longer than 64 letters count as far from everything, which bounds the work on hostile input.
    """
    if max(len(one), len(other)) > 64:
        return 64
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]

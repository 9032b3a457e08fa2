"""What two model versions take and give, compared: requests of today must fit, and so must the answers.

Pure. A version without a signature is never a pass: nothing is known of what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rolloutd.core.checks import CheckFinding


@dataclass(frozen=True, slots=True)
class Field:
    """One input or output: its type in the registry's own words, and whether a request must have it."""

    type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs by name, a nameless one as its number."""

    inputs: Mapping[str, Field] = field(default_factory=dict)
    outputs: Mapping[str, Field] = field(default_factory=dict)


def fits(champion: Signature | None, challenger: Signature | None) -> CheckFinding:
    """Whether the challenger serves what the champion serves: it may ask for less and answer more."""
    for who, known in (("champion", champion), ("challenger", challenger)):
        if known is None or not known.inputs:
            return CheckFinding(answered=True, passed=False, detail=f"the registry has no signature of the {who}")
    assert champion is not None
    assert challenger is not None
    wrong = [*_asked(champion.inputs, challenger.inputs), *_answered(champion.outputs, challenger.outputs)]
    if wrong:
        return CheckFinding(answered=True, passed=False, detail="; ".join(wrong))
    numbers = f"{len(challenger.inputs)} inputs and {len(challenger.outputs)} outputs fit the champion's"
    return CheckFinding(answered=True, passed=True, detail=numbers)


def _asked(old: Mapping[str, Field], new: Mapping[str, Field]) -> list[str]:
    """What the challenger asks of a request that the champion did not, or otherwise."""
    found = []
    for name, wanted in new.items():
        given = old.get(name)
        if given is None:
            if wanted.required:
                found.append(f"it needs input {name} ({wanted.type}), which no request has")
        elif given.type != wanted.type:
            found.append(f"input {name} is {wanted.type}, and was {given.type}")
        elif wanted.required and not given.required:
            found.append(f"it needs input {name}, which a request may leave out")
    return found


def _answered(old: Mapping[str, Field], new: Mapping[str, Field]) -> list[str]:
    """What whoever reads the answers would miss, or find changed."""
    found = []
    for name, known in old.items():
        given = new.get(name)
        if given is None:
            found.append(f"output {name} ({known.type}) is gone")
        elif given.type != known.type:
            found.append(f"output {name} is {given.type}, and was {known.type}")
        elif known.required and not given.required:
            found.append(f"output {name} may be missing, and never was")
    return found

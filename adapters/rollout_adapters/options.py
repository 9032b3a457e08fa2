"""Checks an adapter's own keys against its small model and says in one sentence what is wrong; it opens nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rolloutd.ports import RolloutdError


class AdapterOptions(BaseModel):
    """Base of every adapter's options: no key that the adapter does not know, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BadOption(RolloutdError):
    """An adapter's option is missing, unknown or of the wrong form. ``key`` names it, empty for the kind itself."""

    next_step = "Correct it in the configuration; nothing was started with it, and traffic stays as it is."

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


Options = TypeVar("Options", bound=AdapterOptions)


def check_options(model: type[Options], options: Mapping[str, object], owner: str) -> Options:
    """The options as ``model``. ``owner`` is named in the error, such as ``router kind haproxy``. Raises BadOption."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        raise BadOption(f"{owner} has no option {key!a}. {nearest_of(key, model.model_fields)}", key)
    if first["type"] == "missing":
        raise BadOption(f"{owner} needs the option {key}, which is not there.", key)
    why = first["msg"].removeprefix("Value error, ").removesuffix(".")
    raise BadOption(f"{owner} cannot use its option {key}: {why}.", key)


def nearest_of(word: str, known: Mapping[str, object]) -> str:
    """A sentence with the known word that is nearest to ``word``, or with all of them."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."

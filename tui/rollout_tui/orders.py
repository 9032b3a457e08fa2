"""One action that is to be sent, as a value; it must not send it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from rollout_tui.strip import Spec
    from rolloutd.wire import ActionRequest


@dataclass(frozen=True, slots=True)
class Order:
    """One action to send. The key makes a second sending of the same order harmless. ``spec`` is what a start is of."""

    name: str
    verb: str
    request: ActionRequest
    revision: int | None
    key: str
    shown: str = ""
    spec: Spec | None = None

    @classmethod
    def make(
        cls,
        name: str,
        verb: str,
        request: ActionRequest,
        revision: int | None,
        shown: str = "",
        spec: Spec | None = None,
    ) -> Order:
        """A new order under an idempotency key of its own; ``shown`` is the key on the keyboard that gives it."""
        return cls(name, verb, request, revision, uuid4().hex, shown, spec)

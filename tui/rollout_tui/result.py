"""The chain of an action as a value: sent, daemon has it, router confirms. Pure; it never calls a thing done early."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rollout_tui import figures, words
from rollout_tui.actions import command
from rollout_tui.facts import Facts
from rollout_tui.lines import Line, Role, Span, clean, line
from rollout_tui.orders import Order
from rolloutd.verbs import BY_NAME, Risk

if TYPE_CHECKING:
    from rolloutd.wire import ActionDone, FleetRow, Problem, Status


@dataclass(frozen=True, slots=True)
class Result:
    """One action on its way, pressed when ``before`` was asked of the router.

    ``said`` are the sentences of a refusal or of a missing answer. ``still`` says that the daemon took it without
    asking the router for another share: there is nothing to confirm, and the daemon's message says why.
    """

    order: Order
    sent_s: float
    before: float | None = None
    revision: int | None = None
    message: str = ""
    still: bool = False
    has_s: float | None = None
    observed: float | None = None
    confirmed_s: float | None = None
    said: tuple[str, ...] = ()
    unknown: bool = False
    until_s: float | None = None
    tries: int = 0

    @property
    def moves_traffic(self) -> bool:
        """Whether the router has a part in it."""
        row = BY_NAME.get(self.order.verb)
        return not self.still and bool(self.order.name) and row is not None and row.risk in {Risk.LOWERS, Risk.RAISES}

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.said) or self.confirmed_s is not None or (self.has_s is not None and not self.moves_traffic)


def accepted(result: Result, done: ActionDone, now_s: float) -> Result:
    """The daemon's record has it."""
    return replace(result, revision=done.revision, message=clean(done.message), has_s=now_s, until_s=None)


def refused(result: Result, problem: Problem) -> Result:
    """The daemon said no, in three parts."""
    key = result.order.shown or "the key"
    first = clean(problem.message)
    if problem.code == "conflict":
        first = words.CONFLICT.format(message=first, key=key)
    parts = (first, f"Traffic: {clean(problem.traffic)}", f"Next: {clean(problem.next)}")
    return replace(result, said=parts, until_s=None)


def unanswered(result: Result, why: str, *, sent: bool) -> Result:
    """No answer came. When the request may have arrived, that is said: it is not known, not undone."""
    order = result.order
    told = command(order.verb, order.name)
    if not sent:
        text = f"{order.verb.upper()} for {order.name} was not sent: {why}."
        return replace(result, said=(text, "Traffic: as the router has it.", f"Next: press again, or  {told}"))
    key = order.shown or "the key"
    text = words.NO_ANSWER.format(verb=order.verb.upper(), name=order.name, why=why, key=key, command=told)
    return replace(result, said=(text,), unknown=True)


def observe(result: Result, facts: Facts, now_s: float) -> Result:
    """Look whether the router has confirmed it, by a picture that is at least as new as the answer."""
    if result.over or result.revision is None:
        return result
    status = facts.status if facts.status and facts.status.name == result.order.name else None
    row = facts.rows.get(result.order.name)
    if _unmoved(result, status, row):
        return replace(result, still=True)
    observed = _confirmed(result, status, row)
    return result if observed is None else replace(result, observed=observed, confirmed_s=now_s)


def _unmoved(result: Result, status: Status | None, row: FleetRow | None) -> bool:
    """Whether what was to raise left the asked share as it was: a resume, or one that waits for a second person."""
    verb = BY_NAME.get(result.order.verb)
    newest = status or row
    if verb is None or verb.risk is not Risk.RAISES or newest is None or newest.revision < (result.revision or 0):
        return False
    asked = status.on_new.asked if status is not None else row.asked if row is not None else None
    return asked == result.before


def _confirmed(result: Result, status: Status | None, row: FleetRow | None) -> float | None:
    """The share that was read back from the router after this action, or None while it has not been."""
    share: float | None = None
    if status is not None and status.revision >= (result.revision or 0):
        on_new = status.on_new
        agrees = on_new.observed is None or abs(on_new.observed - on_new.confirmed) < 5e-5
        share = on_new.confirmed if on_new.confirmed_is_asked and agrees else None
    elif row is not None and row.revision >= (result.revision or 0):
        # A row has no confirmed share of its own; a rollout ends only after its last share was read back.
        seen = row.asked if row.ended and row.observed is None else row.observed
        share = seen if seen is not None and abs(seen - row.asked) < 5e-5 else None
    return None if share is not None and share > 0 and result.order.verb == "abort" else share


def render(result: Result, now_s: float) -> tuple[Line, ...]:
    """The chain on one line, or the sentences of a refusal."""
    order = result.order
    if result.said:
        head = line(Span(result.said[0], Role.WARNING))
        return (head, *(line(text) for text in result.said[1:]))
    name = Span(f"{order.verb.upper()} {order.name or 'the fleet'}: ", Role.STRONG)
    if result.until_s is not None:
        left = max(0, int(result.until_s - now_s))
        text = words.TRYING.format(name=order.name, left=left, tries=result.tries)
        return (line(Span(text, Role.WARNING)),)
    if result.has_s is None:
        return (line(name, f"sent, waiting for the daemon {now_s - result.sent_s:.0f} s"),)
    has = f"sent > daemon has it, rev {result.revision}, {result.has_s - result.sent_s:.1f} s"
    message = f"   ({result.message.rstrip('.')})" if result.message else ""
    if not result.moves_traffic:
        return (line(name, has, message),)
    if result.confirmed_s is None:
        waits = Span(f" > waiting for the router, {now_s - result.sent_s:.0f} s", Role.WARNING)
        return (line(name, has, waits, message),)
    took = result.confirmed_s - result.sent_s
    told = f" > router confirms {figures.share(result.observed or 0.0)}, {took:.1f} s"
    return (line(name, has, Span(told, Role.GOOD), message),)

"""What is asked about counts of two arms: read, checked and put into one value; it must not judge anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rolloutd.core.analysis.bets import METHODS, beyond, inside
from rolloutd.core.analysis.fields import BadField, Fields, finite, rate, shown
from rolloutd.core.analysis.ticks import Tick, read_tick
from rolloutd.core.stats.gro import Rates
from rolloutd.core.stats.margins import Margin

KEYS = (
    "kind", "method", "harm", "accept", "limit", "restart", "ratios", "stage_starts", "later_stages", "alternative",
    "alpha", "beta", "parts", "ticks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``masses`` as `Mixture` takes them; ``starts`` are ticks (from 1) that begin a later stage."""

    kind: str
    method: str
    harm: Margin
    accept: Margin | None
    limit: float | None
    masses: tuple[float, ...] | None
    ratios: tuple[float, ...]
    starts: frozenset[int]
    later_stages: int
    pinned: Rates | None
    ticks: Sequence[Tick]
    alpha: float


def read(fields: Fields) -> Question:
    """The question of kind proportion or count. Raises BadField."""
    kind = fields.word("kind", ("proportion", "count"))
    ticks = fields.each("ticks", lambda value, where: read_tick(value, where, bounded=kind == "proportion"))
    harm = fields.margin("harm", Margin.ratio(1.0)) or Margin.ratio(1.0)
    accept = fields.margin("accept", Margin.ratio(1.5))
    pinned = _pinned(fields, kind)
    ratios = tuple(fields.each("ratios", _ratio)) if fields.has("ratios") else ()
    method = _method(fields, pinned, ratios)
    masses = _masses(fields, method, len(ticks))
    if method == "conditional" and (harm.shift or (accept and accept.shift)):
        raise BadField("method", "The conditional method knows ratio margins only; take gro for a difference.")
    warm = next((k for k, tick in enumerate(ticks) if tick.warm_up), None)
    if warm is not None and method != "shipped":
        raise BadField(f"ticks[{warm}].warm_up", "Only the shipped evidence knows a warm-up; leave that tick out.")
    if kind == "count" and fields.has("limit"):
        raise BadField("limit", "A limit is a part of requests; events per exposure have none.")
    if pinned is not None and not beyond(harm, pinned) and not (accept and inside(accept, pinned)):
        raise BadField("alternative", "The alternative is neither beyond the harm margin nor inside the accept margin.")
    starts = _starts(fields, len(ticks))
    later = fields.count("later_stages", len(starts))
    if later < len(starts):
        raise BadField("later_stages", f"later_stages is {later}, but stage_starts names {len(starts)} of them.")
    limit = rate(fields.raw("limit"), fields.at("limit")) if fields.has("limit") else None
    alpha = fields.number("alpha", "a probability between 0 and 1", 0.0, 1.0, 0.01)
    return Question(kind, method, harm, accept, limit, masses, ratios, starts, later, pinned, ticks, alpha)


def _method(fields: Fields, pinned: Rates | None, ratios: tuple[float, ...]) -> str:
    """The method asked for, or the one that can do what is asked; the daemon's own evidence takes no instructions."""
    special = pinned is not None or bool(ratios) or fields.raw("restart") not in (None, True)
    fitting = "shipped" if not special else "gro" if pinned is not None else "robust"
    method = fields.word("method", METHODS, fitting)
    if method == "shipped" and special:
        raise BadField(
            "method",
            "The shipped evidence restarts, has its own ratios and pins nothing; leave restart, ratios and alternative "
            "out, or choose another method.",
        )
    return method


def _masses(fields: Fields, method: str, ticks: int) -> tuple[float, ...] | None:
    """None for a plain mixture, empty for the shipped restarts; by default only the daemon's own evidence restarts."""
    value = fields.raw("restart")
    if value is None:
        return () if method == "shipped" else None
    if isinstance(value, bool):
        return () if value else None
    inner = Fields(value, fields.at("restart"), ("masses",))
    masses = tuple(inner.each("masses", finite))
    if len(masses) > ticks or min(masses) < 0.0 or sum(masses) > 1.0 + 1e-12:
        wanted = f"at most one mass for each of the {ticks} ticks, none negative, summing to 1 at most"
        raise inner.refuse("masses", wanted)
    return masses


def _starts(fields: Fields, ticks: int) -> frozenset[int]:
    """Ticks, counted from 1, at which later stages begin; the first tick may be named, too, and is no later stage."""
    if not fields.has("stage_starts"):
        return frozenset()

    def one(value: object, where: str) -> int:
        if type(value) is not int or not 1 <= value <= ticks:
            raise BadField(where, f"{where} is a tick from 1 to {ticks}, counted from 1, not {shown(value)}.")
        return value

    return frozenset(fields.each("stage_starts", one, least=0)) - {1}


def _ratio(value: object, where: str) -> float:
    found = finite(value, where)
    if not 1.0 < found <= 1e6:
        raise BadField(where, f"{where} is a ratio above 1: an effect beyond the margin, not {shown(value)}.")
    return found


def _pinned(fields: Fields, kind: str) -> Rates | None:
    if not fields.has("alternative"):
        return None

    def one(value: object, where: str) -> float:
        if kind == "proportion":
            return rate(value, where)
        found = finite(value, where)
        if found <= 0.0:
            raise BadField(where, f"{where} is a rate above 0, not {shown(value)}.")
        return found

    rates = fields.each("alternative", one)
    if len(rates) != 2:
        raise fields.refuse("alternative", "the challenger's rate and the champion's, in this order")
    return Rates(*rates)

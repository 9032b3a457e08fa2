"""Answers how much traffic a verdict will take, from rates alone; what it says is a plan and never evidence."""

from __future__ import annotations

from math import log

from rolloutd.core.analysis.fields import BadField, Fields
from rolloutd.core.stats.gro import Rates
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.planning import Forecast, divergence, harm_forecast, safe_forecast

KEYS = ("p0", "p1", "margin", "harm", "share", "beta", "alpha", "rps")
_SCHEMA = "rollout.forecast/1"
_EFFECTS = (1.5, 2.0, 5.0)
_MARGIN, _HARM = Margin.ratio(1.5), Margin.ratio(1.0)
_RATE, _LEVEL = "a rate between 0 and 1", "a probability between 0 and 1"


def forecast(fields: Fields) -> dict[str, object]:
    """Challenger requests and hours to show safety (top level) and to show harm of some sizes (``to_harm``).

    ``p1`` is the challenger's true rate: for safety the champion's where it is not given.
    """
    p0 = fields.number("p0", _RATE, 0.0, 1.0)
    p1 = fields.number("p1", _RATE, 0.0, 1.0, p0)
    share = fields.number("share", "a part of traffic between 0 and 1", 0.0, 1.0)
    alpha, beta = fields.number("alpha", _LEVEL, 0.0, 1.0, 0.01), fields.number("beta", _LEVEL, 0.0, 1.0, 0.05)
    rps = fields.number("rps", "requests a second on the route, above 0", 0.0, 1e12) if fields.has("rps") else None
    accept = fields.margin("margin", _MARGIN) or _MARGIN
    harm = fields.margin("harm", _HARM) or _HARM
    if accept.tolerated(p0) >= 1.0 or harm.tolerated(p0) >= 1.0:
        raise BadField("margin", f"The margin lets every challenger pass: {accept.tolerated(p0):g} is no error rate.")
    safe = safe_forecast(Rates(p1, p0), accept, share, beta)
    rates = [p1] if fields.has("p1") else [harm.tolerated(p0) * ratio for ratio in _EFFECTS]
    to_harm = [_harm_row(Rates(one, p0), harm, share, alpha, rps) for one in rates if one < 1.0]
    told: dict[str, object] = {"schema": _SCHEMA, **_numbers(safe, share, rps)}
    if safe is None:
        told["note"] = "A challenger of this rate is on or beyond the accept margin: no traffic shows it safe."
    return {**told, "to_harm": to_harm}


def _harm_row(truth: Rates, harm: Margin, share: float, alpha: float, rps: float | None) -> dict[str, object]:
    found = harm_forecast(truth, harm, share, alpha)
    known = None if found is None else log(1.0 / alpha) / divergence(truth.challenger, harm.tolerated(truth.champion))
    return {"p1": truth.challenger, **_numbers(found, share, rps), "bound_champion_known": known}


def _numbers(found: Forecast | None, share: float, rps: float | None) -> dict[str, object]:
    if found is None:
        return {"bound": None, "mean": None, "p90": None, "hours": None, "hours_p90": None}
    hours = None if rps is None else found.hours(found.mean, rps, share)
    hours_p90 = None if rps is None else found.hours(found.p90, rps, share)
    return {"bound": found.bound, "mean": found.mean, "p90": found.p90, "hours": hours, "hours_p90": hours_p90}

"""Every value computed elsewhere with 40 digits, asked for through the JSON alone; each must hold to six."""

from __future__ import annotations

from itertools import product
from math import exp
from typing import Any

import pytest

from rolloutd.core.analysis import analyze, forecast
from tests.stats.helpers import binomial

SIX_DIGITS = 1e-6


def tick(n1: int, x1: int, n0: int, x0: int) -> dict[str, Any]:
    """Challenger's requests and errors, then the champion's."""
    return {"challenger": {"n": n1, "x": x1}, "champion": {"n": n0, "x": x0}}


def proportion(*ticks: dict[str, Any], **more: object) -> dict[str, Any]:
    """The answer to a question about proportions."""
    return analyze({"kind": "proportion", "ticks": list(ticks), **more})


def near(value: float | tuple[float, ...]) -> object:
    """The value to six digits."""
    return pytest.approx(value, rel=SIX_DIGITS)


def test_r1_and_r22_forecast() -> None:
    """Bound with the champion known; bound, mean and hours of a promotion."""
    found: Any = forecast({"p0": 0.01, "margin": 1.5, "share": 0.01, "beta": 0.05, "alpha": 0.01, "rps": 100})
    assert found["to_harm"][0]["bound_champion_known"] == near(4207.07875)
    assert (found["bound"], found["mean"], found["hours"]) == near((3169.05809, 3592.20113, 0.997833646))
    assert forecast({"p0": 0.01, "margin": {"ratio": 1.5}, "share": 0.01})["bound"] == near(3169.05809)


@pytest.mark.parametrize(
    ("harm", "alternative", "counts", "projection", "log_e"),
    [
        ({"ratio": 1.2}, [0.03, 0.01], (100, 5, 900, 9), (0.0141221067, 0.0117684222), None),
        ({"ratio": 1.0}, [0.03, 0.01], (100, 5, 900, 9), (0.012, 0.012), 2.99565079),
        ({"difference": 0.01}, [0.04, 0.01], (100, 5, 900, 10), (0.02111584325, 0.01111584325), 1.289511357),
        ({"ratio": 1.2}, [0.5, 0.3], (50, 27, 450, 140), (0.3779247738, 0.3149373115), 2.417168501),
    ],
    ids=["R3", "R5", "difference", "high-rates"],
)
def test_pinned_alternatives(
    harm: object, alternative: object, counts: tuple[int, ...], projection: tuple[float, float], log_e: float | None
) -> None:
    """Projections on margins and the increments made with them."""
    found = proportion(tick(*counts), method="gro", restart=False, harm=harm, alternative=alternative)
    part = found["parts"][0]["harm"]
    assert tuple(part["projections"][0]) == near(projection)
    if log_e is not None:
        assert found["log_e_harm"] == near(log_e)
        assert part["increments"] == [near(log_e)]


def test_r7_r8_r9_conditional() -> None:
    """The eight ratios and the mixture over them, without and with a margin."""
    found = proportion(tick(1000, 12, 9000, 80), method="conditional", restart=False)
    expected = [1.35, 1.48542753, 1.6849794, 1.98964728, 2.4771422, 3.30707193, 4.84074192, 8.0]
    assert found["ratios"] == pytest.approx(expected, rel=SIX_DIGITS)
    assert found["log_e_harm"] == near(-0.46420845)
    found = proportion(tick(1000, 25, 9000, 80), method="conditional", harm={"ratio": 1.2})
    assert found["log_e_harm"] == near(4.78503163)


def test_r11_r14_means() -> None:
    """The half-normal mixture and the two-sided radius, from sums and from ticks."""
    summary: dict[str, object] = {"kind": "mean", "summary": {"s": 12, "v": 40, "rho": 0.2}}
    assert analyze(summary)["log_e_harm"] == near(1.25231736)
    summary = {"kind": "mean", "alpha": 0.05, "summary": {"n": 1000, "sd": 1.5, "rho": 0.1}}
    assert analyze(summary)["radius"] == near(0.144096029)
    spread = (1 / 80) ** 0.5  # two ticks whose differences have mean .3 and variance 2/40
    nothing: dict[str, float] = {"n": 10, "sum": 0, "sumsq": 0}
    means = [0.3 + sign * 2**0.5 * spread for sign in (1, -1)]
    ticks = [{"champion": nothing, "challenger": {"n": 1000, "sum": 1000 * mean}} for mean in means]
    assert analyze({"kind": "mean", "rho": 0.2, "ticks": ticks})["log_e_harm"] == near(1.25231736)


def test_r15_r17_paired() -> None:
    """The betting mixture and McNemar's."""
    pairs = {"kind": "paired", "method": "betting", "ticks": [{"b": 30, "c": 12, "n": 2000}]}
    assert analyze(pairs)["log_e_harm"] == near(2.39612036)
    assert analyze({"kind": "paired", "ticks": [{"b": 10, "c": 5}, {"b": 8, "c": 0}]})["log_e_harm"] == near(3.19441862)


def test_r20_average() -> None:
    """Three gates' evidence as one."""
    found = analyze({"kind": "combine", "log_e": [1, 3, -2], "weights": [0.5, 0.3, 0.2]})
    assert found["log_e_harm"] == near(2.00308264)


def test_r21_descriptors() -> None:
    """From distributions, and from counts without an empty bin."""
    p, q = [0.1, 0.2, 0.4, 0.2, 0.1], [0.12, 0.25, 0.38, 0.17, 0.08]
    arms = {"champion": {"buckets": [10, 20, 40, 20, 10]}, "challenger": {"buckets": [12, 25, 38, 17, 8]}}
    for asked in ({"kind": "descriptors", "p": p, "q": q}, {"kind": "drift", "ticks": [arms]}):
        found = analyze(asked)
        assert found["psi"] == near(0.0251679135)
        assert found["js"] == near(0.00314063422)
        assert found["ks"] == near(0.07)


def test_r24_mean_of_a_factor() -> None:
    """The increments of all outcomes of a small tick, from one question."""
    outcomes = list(product(range(4), range(8)))
    ticks = [tick(3, x1, 7, x0) for x1, x0 in outcomes]
    parts = proportion(*ticks, alternative=[0.5, 0.2])["parts"]
    mean = sum(
        binomial(x1, 3, 0.2) * binomial(x0, 7, 0.2) * exp(part["harm"]["increments"][0])
        for (x1, x0), part in zip(outcomes, parts, strict=True)
    )
    assert mean == near(0.981426469)


def test_r26_density_ratios() -> None:
    """A body shift of a given distribution."""
    arms = {"champion": {"buckets": [50, 30, 15, 5]}, "challenger": {"buckets": [5, 3, 1, 1]}}
    bend = {"distribution": [0.5, 0.3, 0.15, 0.05], "shift": 0.32}
    found = analyze({"kind": "latency", "alternative": bend, "ticks": [arms]})
    assert found["density_ratios"] == pytest.approx([0.751478647, 1.08101103, 1.38515743, 1.84367507], rel=SIX_DIGITS)


def test_one_sample_limit() -> None:
    """Nine bad of eighty against a limit of 5 %, by the mixture for independent errors."""
    found = proportion({"challenger": {"n": 80, "x": 9}}, limit=0.05, method="gro")
    assert found["log_e_limit"] == near(1.723100196)


def test_restart_with_given_masses() -> None:
    """Masses .5, 0 and .25 over three ticks, one effect."""
    ticks = [tick(100, x1, 900, x0) for x1, x0 in ((1, 12), (4, 10), (6, 9))]
    found = proportion(*ticks, method="conditional", ratios=[2], restart={"masses": [0.5, 0, 0.25]})
    assert found["log_e_harm"] == near(3.125829862)

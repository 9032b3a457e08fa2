"""``python -m bench.chance.picture FILE.svg``: draws the figure of docs/statistics.md from made-up traffic, by seed.

Left: the evidence of harm of ten challengers that err like the champion and of ten that err twice as often. Right: the
part of harmless challengers that tests at a nominal 1 % have taken back by a look, each request failing by itself and
with errors that come three at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import log, log10
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.chance import engine
from bench.chance.many import Many
from bench.chance.worlds import Ticks, arm_sizes, bursts, independent
from bench.rivals import classic

P0, SHARE, CHALLENGER_N = 0.01, 0.1, 20
PATHS, PATH_TICKS, RUNS, LOOKS = 10, 200, 400, 2_000
INK, GREY, HARM, CALM, AMBER = "#1f2933", "#7b8794", "#c0392b", "#2f7d59", "#b7791f"
WIDTH, HEIGHT = 860, 360
MOST_POINTS = 250
Reals = NDArray[np.float64]
Line = tuple[str, str, Reals, str]  # what it is, colour, height by look, dash


class Panel:
    """Axes of one half of the figure and what is drawn in them; x and y in data's own units."""

    def __init__(self, left: float, x_most: float, y_range: tuple[float, float]) -> None:
        self._left, self._x_most, self._y = left, x_most, y_range
        self._parts: list[str] = []

    def _place(self, x: float, y: float) -> tuple[float, float]:
        low, high = self._y
        return self._left + 330.0 * x / self._x_most, 300.0 - 240.0 * (y - low) / (high - low)

    def line(self, values: Sequence[float] | Reals, colour: str, *, width: float = 1.5, dash: str = "") -> None:
        """One value a look, from look 1 on; what lies outside is cut."""
        low, high = self._y
        points = " ".join(
            "{:.1f},{:.1f}".format(*self._place(k + 1.0, min(max(float(values[k]), low), high)))
            for k in range(0, len(values), max(len(values) // MOST_POINTS, 1))
        )
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'
        )

    def level(self, y: float, colour: str, words: str) -> None:
        """A level across the whole panel, with its name above it."""
        (x0, y0), (x1, _) = self._place(0.0, y), self._place(self._x_most, y)
        self._parts.append(f'<line x1="{x0}" y1="{y0:.1f}" x2="{x1}" y2="{y0:.1f}" stroke="{colour}"/>')
        self._parts.append(_text(x1, y0 - 5, words, colour, "end"))

    def words(self, x: float, y: float, words: str, colour: str, anchor: str = "end") -> None:
        """A few words at a place."""
        self._parts.append(_text(*self._place(x, y), words, colour, anchor))

    def axes(self, title: str, below: str, ticks: Sequence[tuple[float, str]], looks: Sequence[int]) -> str:
        """Everything, with title and labels."""
        x0, y0 = self._place(0.0, self._y[0])
        found = [
            f'<text x="{x0}" y="30" fill="{INK}" font-size="14" font-weight="600">{title}</text>',
            f'<path d="M{x0},60 V{y0} H{x0 + 330}" fill="none" stroke="{GREY}"/>',
            _text(x0 + 330, y0 + 36, below, GREY, "end"),
        ]
        found += [_text(x0 - 6, self._place(0.0, y)[1] + 4, word, GREY, "end") for y, word in ticks]
        found += [_text(self._place(float(look), 0.0)[0], y0 + 18, f"{look:,}", GREY, "middle") for look in looks]
        return "\n".join([*found, *self._parts])


def _text(x: float, y: float, words: str, colour: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def _evidence(random: np.random.Generator, p1: float) -> Reals:
    """log evidence by look and run."""
    n1, n0 = arm_sizes(SHARE, CHALLENGER_N)
    many, found = Many(PATHS, line=engine.FIRE), []
    for _ in range(PATH_TICKS):
        many.observe(n0, random.binomial(n0, P0, PATHS), n1, random.binomial(n1, p1, PATHS))
        found.append(many.log_e)
    return np.array(found)


def _paths(seed: int) -> str:
    panel = Panel(60.0, PATH_TICKS, (-2.0, 7.0))
    random = np.random.default_rng(seed)
    for p1, colour in ((P0, CALM), (2.0 * P0, HARM)):
        for path in _evidence(random, p1).T:
            crossed = np.flatnonzero(path >= engine.FIRE)
            end = int(crossed[0]) + 1 if crossed.size else len(path)
            panel.line(path[:end], colour, width=1.2)
    panel.level(engine.FIRE, INK, "harm is shown: odds of 100")
    panel.words(4.0, 6.2, "errs twice as often: goes back here", HARM, "start")
    panel.words(PATH_TICKS, -1.85, "errs like the champion", CALM)
    odds = [(log(value), f"{value:g}") for value in (0.2, 1, 10, 100)]
    return panel.axes(
        "The harm bar of twenty challengers", "looks (20 of its requests each)", odds, (50, 100, 150, 200)
    )


def _taken_back(seed: int, make: Callable[[np.random.Generator], Ticks], test: str, runs: int) -> Reals:
    """Part of the runs that the test has taken back by each look."""
    worlds = [make(np.random.default_rng([seed, run])) for run in range(runs)]
    looks = len(worlds[0].x1)
    first = np.full(runs, looks)
    if test == "z":
        for run, w in enumerate(worlds):
            crossed = np.flatnonzero(classic.z_values(w.n1, w.x1, w.n0, w.x0) >= classic.z_level(engine.ALPHA))
            first[run] = crossed[0] if crossed.size else looks
    else:
        many, left = Many(runs, line=engine.FIRE), np.arange(runs)
        x1, x0 = (np.array([getattr(w, key) for w in worlds]) for key in ("x1", "x0"))
        for look in range(looks):
            many.observe(worlds[0].n0, x0[left, look], worlds[0].n1, x1[left, look])
            silent = many.log_e < engine.FIRE
            first[left[~silent]] = look
            left = left[silent]
            many.keep(silent)
    found: Reals = np.searchsorted(np.sort(first), np.arange(looks), side="right") / runs
    return found


def _alarms(seed: int, runs: int, looks: int) -> str:
    sizes = arm_sizes(SHARE, CHALLENGER_N)
    panel = Panel(500.0, looks, (-0.7, 2.0))

    def clean(random: np.random.Generator) -> Ticks:
        return independent(random, looks, sizes, P0, P0)

    def burst(random: np.random.Generator) -> Ticks:
        return bursts(random, looks, sizes, (P0, P0), 3)

    lines: list[Line] = [
        ("z-test at every look, bursts of 3", AMBER, _taken_back(seed, burst, "z", runs), "4 3"),
        ("z-test at every look", AMBER, _taken_back(seed, clean, "z", runs), ""),
        ("rolloutd, bursts of 3", HARM, _taken_back(seed, burst, "ours", runs), "4 3"),
        ("rolloutd", HARM, _taken_back(seed, clean, "ours", runs), ""),
    ]
    for row, (words, colour, part, dash) in enumerate(lines):
        panel.line(np.log10(np.maximum(100.0 * part, 0.1)), colour, width=2.0, dash=dash)
        at_the_end = f"{words}: {100 * part[-1]:.1f} %"
        height = log10(max(100 * part[-1], 0.1)) + 0.07 if row < 2 else -0.35 - 0.16 * (row - 2)
        panel.words(looks, height, at_the_end, colour)
    panel.level(0.0, INK, "promised: at most 1 %")
    marks = [(log10(value), f"{value:g} %") for value in (0.2, 1, 10, 100)]
    return panel.axes("Harmless challengers taken back", "looks", marks, (500, 1000, 1500, 2000))


def figure(seed: int, runs: int = RUNS, looks: int = LOOKS) -> str:
    """The whole SVG."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    style = 'font-family="system-ui, sans-serif" font-size="11"'
    panels = f"{_paths(seed)}\n{_alarms(seed, runs, looks)}"
    return f'{head} {style}>\n<rect width="100%" height="100%" fill="#fff"/>\n{panels}\n</svg>\n'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(figure(seed=1), encoding="utf-8")

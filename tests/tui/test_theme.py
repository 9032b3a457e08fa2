"""The palettes, computed: readable on their backgrounds and apart for every kind of sight."""

from __future__ import annotations

import itertools
import math

import pytest

from rollout_tui.background import read
from rollout_tui.lines import Role
from rollout_tui.theme import CONTRAST, DARK, LIGHT, MONO, TERMINAL, Palette, choose, style

Colour = tuple[float, float, float]
ROLES = (Role.CRITICAL, Role.WARNING, Role.NOTICE, Role.GOOD, Role.CHALLENGER)
# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
SIGHTS: dict[str, tuple[Colour, Colour, Colour]] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}


def _linear(text: str) -> Colour:
    """A hex colour as linear RGB (IEC 61966-2-1)."""
    parts = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return red, green, blue


def _seen(colour: Colour, sight: str) -> Colour:
    rows = [sum(a * b for a, b in zip(row, colour, strict=True)) for row in SIGHTS[sight]]
    red, green, blue = (min(1.0, max(0.0, one)) for one in rows)
    return red, green, blue


def _luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def _contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio."""
    high, low = sorted((_luminance(_linear(one)), _luminance(_linear(other))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _lab(colour: Colour) -> Colour:
    """CIE 1976 L*a*b* under D65."""
    red, green, blue = colour
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (math.cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("palette", [DARK, LIGHT, CONTRAST], ids=lambda palette: palette.name)
def test_every_role_is_readable(palette: Palette) -> None:
    """Contrast of at least 4.5 against the background, 7 in the palette that is there for contrast."""
    assert palette.background is not None
    for role in (*ROLES, Role.PLAIN):
        colour = palette.colour(role)
        assert colour is not None
        assert _contrast(colour, palette.background) >= (7 if palette is CONTRAST else 4.5), role


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("palette", [DARK, LIGHT, CONTRAST], ids=lambda palette: palette.name)
def test_roles_stay_apart_for_every_sight(palette: Palette, sight: str) -> None:
    """A colour difference (CIE76) of at least 20 between any two roles."""
    seen = {role: _lab(_seen(_linear(palette.colour(role) or ""), sight)) for role in ROLES}
    for one, other in itertools.combinations(ROLES, 2):
        assert math.dist(seen[one], seen[other]) >= 20, (one, other)


def test_mono_uses_no_colour_at_all() -> None:
    """Without colour the roles are bold or reversed, in the terminal's own."""
    for role in Role:
        assert style(MONO, role).color is None
        assert style(MONO, role).bgcolor is None
    assert style(MONO, Role.CRITICAL).reverse


def test_the_palette_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR and dumb terminals get mono, light backgrounds light, a flag wins."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORFGBG", "0;15")
    assert choose() is LIGHT
    monkeypatch.delenv("COLORFGBG")
    assert choose() is TERMINAL
    assert choose("contrast") is CONTRAST
    assert [choose(background=told) for told in ("#121212", "#fdf6e3", "#ffffff")] == [DARK, LIGHT, LIGHT]
    monkeypatch.setenv("NO_COLOR", "1")
    assert choose() is MONO
    assert choose("dark") is DARK


@pytest.mark.parametrize(
    ("answer", "colour"),
    [
        (b"\x1b]11;rgb:1212/1212/1212\x1b\\", "#121212"),
        (b"j\x1b]11;rgb:ff/ff/ff\x07", "#ffffff"),
        (b"\x1b]11;rgb:fdfd/f6f6", None),
        (b"", None),
    ],
)
def test_the_terminals_answer_about_its_background(answer: bytes, colour: str | None) -> None:
    """Two or four digits a part, with what was typed before; half an answer is none."""
    assert read(answer) == colour


def test_the_terminals_own_colours_are_names_and_no_pair_of_red_and_green() -> None:
    """Sixteen colours have no values to compute with: they are named, and green is not among them."""
    names = {TERMINAL.colour(role) for role in ROLES}
    assert "green" not in names
    assert style(TERMINAL, Role.CRITICAL).reverse
    assert TERMINAL.background is None

"""Makes text from outside harmless for whoever shows it: one line, visible, not too long. It evaluates nothing."""

from __future__ import annotations

import unicodedata

TEXT_MAX = 1_000
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str, most: int = TEXT_MAX) -> str:
    """The text in one line; what cannot be seen (controls, direction marks) is shown as its code."""
    shown = "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _INVISIBLE else c for c in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"

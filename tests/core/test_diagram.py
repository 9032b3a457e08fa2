"""The manual's picture of the phases is the table's own."""

from __future__ import annotations

from tests.core.diagram import PAGE, with_diagram


def test_the_manual_shows_the_table() -> None:
    """A change of the table changes the page, or this fails."""
    text = PAGE.read_text(encoding="utf-8")
    assert with_diagram(text) == text, "run: python -m tests.core.diagram"

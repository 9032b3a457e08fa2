"""Writes the phase diagram into the manual from the table: `python -m tests.core.diagram`. It changes nothing else."""

from __future__ import annotations

from pathlib import Path

from rolloutd.core.phases import diagram

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "<!-- phases -->", "<!-- /phases -->"


def with_diagram(text: str) -> str:
    """The page's text with the diagram between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n```mermaid\n{diagram()}\n```\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_diagram(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

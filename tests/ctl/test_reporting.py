"""The verbs report, stats and evidence through the real command: every format says the same, and no word is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rolloutd.ctl import report_html, report_text
from tests.ctl.running import rollout
from tests.server.reports import a_report
from tests.server.running import Running

HOSTILE = '<script src="http://outside.example/x.js"></script>&"\x1b]0;x\x07|'


class Attributes(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One tag."""
        self.tags.add(tag)
        self.seen |= {name for name, _ in attrs}


def found(word: str = "enough seen") -> dict[str, Any]:
    """The report as it comes over the socket."""
    return a_report("ranker", word).model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
async def test_each_format_says_what_the_daemon_said(server: Running, form: str) -> None:
    """Outcome, stages, counts, the way back: the same words and figures in all three."""
    ran = await rollout(server.directory, "report", "ranker", "--format", form)
    assert ran.code == 0
    for said in ("all traffic went back to v41, after 9s: enough seen.", "90 of 1000", "+8.000pp", "0.84 s",
                 "10.00%", "OVERRIDE past gate:latency", "no figures", "1000 requests in all"):  # fmt: skip
        assert said in ran.out, said


async def test_it_is_written_where_it_shall_be(server: Running, tmp_path: Path) -> None:
    """A file with all of it; a folder that is not there is said."""
    place = tmp_path / "ranker.html"
    ran = await rollout(server.directory, "report", "ranker", "--format", "html", "--out", str(place))
    assert (ran.code, ran.out) == (0, "")
    assert place.read_text().startswith("<!doctype html>")
    refused = await rollout(server.directory, "report", "ranker", "--out", str(tmp_path / "no" / "where"))
    assert refused.code == 2


def test_the_html_asks_nobody_for_anything_and_no_word_is_markup() -> None:
    """I12: no address, script, style sheet or picture from outside; hostile words stay text; a gap is no zero."""
    page = report_html.page(found(HOSTILE))
    assert "<script" not in page
    parser = Attributes()
    parser.feed(page)
    assert parser.seen & {"src", "href", "srcset", "data", "action", "poster"} == set()
    assert parser.tags & {"script", "link", "img", "iframe", "object", "form"} == set()
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in page
    assert page.count("<polyline") == 1 + 1 + 2  # the ladder, the champion, the challenger in two pieces
    assert "&lt;script" in page


def test_a_cell_of_markdown_stays_in_its_cell() -> None:
    """A bar in a word does not make a column."""
    page = report_text.markdown(found("a|b"))
    row = next(line for line in page.splitlines() if "OVERRIDE" in line)
    assert "a\\|b" in row
    assert row.count(" | ") == 4


async def test_measures_and_evidence_are_told(server: Running) -> None:
    """In words for people; what there is none of is not a zero."""
    stats = await rollout(server.directory, "stats", "--since", "30d")
    assert "no rollout with traffic has ended" in stats.out
    assert "to restore   none yet" in stats.out
    table = await rollout(server.directory, "evidence", "ranker")
    assert "| MANAGE 1.1 | go or no-go | done |" in table.out
    assert "- GOVERN 2.2" in table.out
    assert (await rollout(server.directory, "evidence", "ranker", "--framework", "iso")).code == 2

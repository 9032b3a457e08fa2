"""Whole screens as text, compared with files that a person has read. No colour takes part: the words must do.

After a deliberate change: ``ROLLOUT_ACCEPT=1 pytest tests/tui/test_pages.py``, then read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rollout_tui.actions import lead
from rollout_tui.facts import Facts, Gap, open_rollout
from rollout_tui.folding import fold
from rollout_tui.keys import Place
from rollout_tui.lines import Line, line_width, texts
from rollout_tui.order import Listing, arrange
from rollout_tui.pages import render_fleet, render_rollout, render_why
from rollout_tui.papers import Chart, Papers, Range, Replay
from rollout_tui.scene import Look, Scene, Tab
from rollout_tui.screens.by_hand import render_by_hand
from rollout_tui.strip import Strip
from rollout_tui.widgets.finder import Found, render_finder
from rollout_tui.widgets.link_line import marked, render_sources
from rollout_tui.widgets.report import Page as ReportPage
from rollout_tui.widgets.report import render_report
from rollout_tui.widgets.wizard import render_wizard
from rollout_tui.wizard import Page
from rollout_tui.words import STATES
from rolloutd.ctl import report_text
from rolloutd.verbs import BY_NAME
from rolloutd.wire import Fleet, OnNew, Status
from tests.server.reports import a_report
from tests.tui import worlds, worlds_start

EXPECTED = Path(__file__).parent / "expected"
SIZES = [(120, 36), (80, 24)]
EVERY_SIZE = [(200, 60), (120, 36), (119, 31), (100, 28), (99, 27), (80, 24), (79, 23), (60, 20), (40, 10), (39, 9)]
NO_SIZE_IS_TOO_SMALL = [(20, 5), (10, 3), (10, 1), (1, 1)]


def facts(status: Status | None = None, fleet: Fleet | None = None, role: str = "operator") -> Facts:
    """What the screen knows at second 100."""
    known = Facts()
    for came in (worlds.hello(role), fleet or worlds.fleet(), worlds.heartbeat()):
        known = fold(known, came, detail=False, now_s=100.0)
    if status is None:
        return known
    known = open_rollout(known, status.name)
    for one in (worlds.hello(role), status, worlds.heartbeat()):
        known = fold(known, one, detail=True, now_s=100.0)
    return known


def scene(known: Facts, size: tuple[int, int], now_s: float = 101.0, *, on_rollout: bool = True) -> Scene:
    """One moment of it."""
    listing = arrange(Listing(), known.rows)
    papers = worlds.papers() if on_rollout else Papers()
    return Scene(known, now_s, *size, look=Look(ascii=True), listing=listing, on_rollout=on_rollout, papers=papers)


def _promoting(status: Status, role: str, size: tuple[int, int]) -> tuple[Line, ...]:
    return _asked_on("promote", status, size, role)


def _unlike() -> Facts:
    """A daemon of another major version, whose clock is 41 s behind this one's."""
    known = facts()
    assert known.hello is not None
    return replace(known, hello=known.hello.model_copy(update={"api": "2.0"}), ahead_s=41.0)


def _ended(size: tuple[int, int]) -> Scene:
    """Only what has ended, of a fleet in which some need somebody."""
    shown = scene(facts(), size, on_rollout=False)
    return replace(shown, listing=arrange(Listing(ended=True), shown.facts.rows))


def _report() -> ReportPage:
    """A report that was read and written."""
    known = a_report("ranker")
    rows = tuple(report_text.text(known.model_dump(mode="json", by_alias=True)).splitlines())
    return ReportPage("ranker", rows, known.as_of, "/srv/night/rollout/report-ranker-20260102T031304Z.html")


def _asked_on(verb: str, status: Status, size: tuple[int, int], role: str = "operator") -> tuple[Line, ...]:
    known = facts(status, role=role)
    led = lead(BY_NAME[verb], known, "ranker", in_fleet=False, status=status, now_s=101.0)
    assert isinstance(led, Strip)
    return render_rollout(replace(scene(known, size), strip=led))


def _unconfirmed() -> Status:
    share = OnNew(asked=0.0, observed=0.1, confirmed=0.1, confirmed_is_asked=False)
    return worlds.status("not_obeyed", on_new=share, by_hand="echo 'set map ...' | socat - /run/haproxy.sock")


def _blind() -> Status:
    return worlds.status("blind", [worlds.BLIND, worlds.CTR], blocked_by=["gate:accuracy"])


def _finished() -> Status:
    share = OnNew(asked=0.0, observed=0.0, confirmed=0.0, confirmed_is_asked=True)
    return worlds.status("rolled_back", [worlds.FAIL, worlds.CTR], ended=True, on_new=share, phase="rolled_back")


Drawn = Callable[[tuple[int, int]], tuple[Line, ...]]


def _tab(tab: Tab, size: tuple[int, int], **papers: object) -> tuple[Line, ...]:
    """A tab of the harmful rollout, with some papers as given."""
    shown = scene(facts(worlds.status()), size)
    return render_rollout(replace(shown, tab=tab, papers=worlds.papers(**papers)))


def _wizard(page: Page, size: tuple[int, int], **given: str) -> tuple[Line, ...]:
    return render_wizard(scene(facts(), size, on_rollout=False), worlds_start.wizard(page, **given))


def _in_state(key: str) -> Status:
    """One rollout in this state, as far as the state decides what is shown."""
    ends = {"done": 1.0, "aborted": 0.0, "rolled_back": 0.0, "refused": 0.0}
    if key not in ends:
        return worlds.status(key, [worlds.ERRORS, worlds.CTR])
    share = OnNew(asked=ends[key], observed=None, confirmed=ends[key], confirmed_is_asked=True)
    return worlds.status(key, [], ended=True, outcome=key, phase=key, on_new=share, blocked_by=[])


def _page_of(key: str) -> Drawn:
    return lambda size: render_rollout(scene(facts(_in_state(key)), size))


HELP = Found((Place.ROLLOUT,), on_rollout=True, palette=False)
PICTURES: dict[str, Drawn] = {
    "fleet": lambda size: render_fleet(scene(facts(), size, on_rollout=False)),
    "fleet-lost": lambda size: render_fleet(scene(facts(), size, 114.0, on_rollout=False)),
    "fleet-empty": lambda size: render_fleet(
        scene(facts(fleet=Fleet(as_of=worlds.AS_OF, rollouts=[], total=0, needs_you=0)), size, on_rollout=False)
    ),
    "fleet-unlike": lambda size: render_fleet(scene(_unlike(), size, on_rollout=False)),
    "fleet-old-source": lambda size: render_fleet(
        scene(replace(facts(), beat=worlds.heartbeat(prom_s=134.0)), size, on_rollout=False)
    ),
    "rollout-restarted": lambda size: render_rollout(
        scene(replace(facts(worlds.status()), gap=Gap(21.0, restarted=True)), size)
    ),
    "rollout-regained": lambda size: render_rollout(
        scene(replace(facts(worlds.status()), gap=Gap(21.0, restarted=False, host="edge-2")), size)
    ),
    "never": lambda size: render_fleet(Scene(Facts(), 5.0, *size, look=Look(ascii=True), where="/run/rolloutd")),
    "rollout-harm": lambda size: render_rollout(scene(facts(worlds.status()), size)),
    "rollout-blind": lambda size: render_rollout(scene(facts(_blind()), size)),
    "rollout-clear": lambda size: render_rollout(scene(facts(worlds.ready()), size)),
    "rollout-unobeyed": lambda size: render_rollout(scene(facts(_unconfirmed()), size)),
    "rollout-ended": lambda size: render_rollout(scene(facts(_finished()), size)),
    "rollout-overridden": lambda size: render_rollout(scene(facts(worlds.overridden()), size)),
    "rollout-late": lambda size: render_rollout(scene(facts(worlds.status()), size, 104.0)),
    "rollout-lost": lambda size: render_rollout(scene(facts(worlds.status()), size, 114.0)),
    "rollout-timeline": lambda size: render_rollout(replace(scene(facts(worlds.status()), size), tab=Tab.TIMELINE)),
    "rollout-charts": lambda size: render_rollout(replace(scene(facts(worlds.status()), size), tab=Tab.CHARTS)),
    "rollout-charts-difference": lambda size: _tab(Tab.CHARTS, size, chart=Chart(Range.WHOLE, difference=True)),
    "rollout-segments": lambda size: _tab(Tab.SEGMENTS, size),
    "rollout-plan": lambda size: _tab(Tab.PLAN, size),
    "replay-stages": lambda size: _tab(Tab.STAGES, size, replay=Replay(2), past=worlds.past()),
    "replay-charts": lambda size: _tab(Tab.CHARTS, size, replay=Replay(2), past=worlds.past()),
    "replay-timeline": lambda size: _tab(Tab.TIMELINE, size, replay=Replay(2), past=worlds.past()),
    "replay-plan": lambda size: _tab(Tab.PLAN, size, replay=Replay(2), past=worlds.past()),
    "promote-yes": lambda size: _promoting(worlds.ready(), "operator", size),
    "promote-early": lambda size: _promoting(worlds.ready([worlds.LATENCY, worlds.CTR]), "operator", size),
    "promote-refused": lambda size: _promoting(worlds.status(), "operator", size),
    "promote-override": lambda size: _promoting(worlds.status("harm", [worlds.FAIL, worlds.BLIND]), "admin", size),
    "reapply": lambda size: _asked_on("reapply", worlds.lowered(), size),
    "fleet-ended": lambda size: render_fleet(_ended(size)),
    "report": lambda size: render_report(scene(facts(worlds.status()), size), _report()),
    "report-unwritten": lambda size: render_report(
        scene(facts(worlds.status()), size), replace(_report(), file="", trouble="read-only file system", first=9)
    ),
    "rollout-lowered": lambda size: render_rollout(scene(facts(worlds.lowered()), size)),
    "why": lambda size: render_why(scene(facts(worlds.status()), size), "ranker", worlds.why()),
    "help": lambda size: render_finder(scene(facts(worlds.status()), size), HELP),
    "palette": lambda size: render_finder(scene(facts(worlds.status()), size), replace(HELP, palette=True, text="re")),
    "wizard-what": lambda size: _wizard(Page.WHAT, size),
    "wizard-risk": lambda size: _wizard(Page.RISK, size),
    "wizard-plan": lambda size: _wizard(Page.PLAN, size, strategy="careful"),
    "wizard-dry-run": lambda size: _wizard(Page.DRY, size),
    "by-hand": lambda size: render_by_hand(scene(facts(_unconfirmed()), size), "ranker"),
}  # fmt: skip


PICTURES |= {f"state-{one.key}": _page_of(one.key) for one in STATES}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("name", PICTURES)
def test_the_screen_is_as_a_person_has_read_it(name: str, size: tuple[int, int]) -> None:
    """The text of each screen is the accepted one."""
    shown = texts(PICTURES[name](size)) + "\n"
    file = EXPECTED / f"{name}.{size[0]}x{size[1]}.txt"
    if os.environ.get("ROLLOUT_ACCEPT"):
        file.write_text(shown)
    assert shown == file.read_text()


@pytest.mark.parametrize("size", [*EVERY_SIZE, *NO_SIZE_IS_TOO_SMALL], ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("name", PICTURES)
def test_every_screen_fits_every_size(name: str, size: tuple[int, int]) -> None:
    """Exactly as many lines as the terminal has, none wider than it."""
    lines = PICTURES[name](size)
    assert len(lines) == size[1]
    assert max(line_width(line) for line in lines) <= size[0]


@pytest.mark.parametrize("size", EVERY_SIZE, ids=lambda size: "x".join(map(str, size)))
def test_what_is_never_cut(size: tuple[int, int]) -> None:
    """State, asked and observed share, link age, NEXT, worst signal and the abort key are there at every size."""
    shown = texts(render_rollout(scene(facts(worlds.status()), size)))
    for word in ("HARM", "10.0%", "LIVE 1s", "NEXT", "a"):
        assert word in shown
    if size[0] >= 40 and size[1] >= 10:
        assert "router" in shown
        assert "latency" in shown
        assert "ABORT" in shown


@pytest.mark.parametrize(
    "size", [size for size in EVERY_SIZE if size[0] >= 40], ids=lambda size: "x".join(map(str, size))
)
def test_a_list_of_ends_alone_says_so_at_every_size(size: tuple[int, int]) -> None:
    """Nobody takes it for the whole fleet, however small the terminal is."""
    shown = texts(render_fleet(_ended(size)))
    assert "ENDED ONLY" in shown
    assert "ranker" not in shown


@pytest.mark.parametrize("simulated", [True, False])
def test_in_the_smallest_terminal_the_name_gives_way_to_state_and_share(simulated: bool) -> None:
    """Twenty cells, with a mark before them or without: HARM and 10.0% are whole."""
    known = facts(worlds.status(name="price-elasticity-of-demand"))
    assert known.hello is not None
    known = replace(known, hello=known.hello.model_copy(update={"simulated": simulated}))
    small = scene(known, (20, 5))
    assert "HARM 10.0%" in texts(marked(small, render_rollout(small)))


def test_below_80_columns_the_open_tab_and_the_words_of_the_keys_are_there() -> None:
    """Whoever has sixty columns need not know the keys by heart, and sees which of the five tabs this is."""
    shown = texts(render_rollout(replace(scene(facts(worlds.status()), (60, 20)), tab=Tab.SEGMENTS)))
    assert "[3 Segments] Tab next" in shown
    assert "a ABORT  p pause  m promote  r resume  w why  ? help  q back" in shown


@pytest.mark.parametrize("size", EVERY_SIZE, ids=lambda size: "x".join(map(str, size)))
def test_a_lost_picture_never_reads_as_live(size: tuple[int, int]) -> None:
    """LOST is said and the share carries the mark at every size."""
    shown = texts(render_rollout(scene(facts(worlds.status()), size, 114.0)))
    assert "LOST" in shown
    assert "10.0%~" in shown
    assert "LIVE" not in shown.replace("NOTHING IS LIVE", "")


def test_states_differ_in_plain_text() -> None:
    """Without any colour no two states of a rollout look alike, with symbols or without."""
    for ascii_only in (True, False):
        look = Look(ascii=ascii_only)
        shown = {
            texts(render_rollout(replace(scene(facts(worlds.status(one.key)), (80, 24)), look=look))) for one in STATES
        }
        assert len(shown) == len(STATES)


def test_what_the_daemon_has_to_say_stands_on_every_screen() -> None:
    """A daemon that raises nothing any more says so in its heartbeat: on the fleet's and on a rollout's screen."""
    known = facts(worlds.status())
    known = replace(known, beat=worlds.heartbeat().model_copy(update={"message": "the journal cannot be written"}))
    for shown in (render_fleet(scene(known, (80, 24), on_rollout=False)), render_rollout(scene(known, (60, 20)))):
        assert "The daemon says: the journal cannot be written" in texts(shown)


@pytest.mark.parametrize(("since_s", "doubted"), [(0.0, False), (0.9, False), (1.6, True)])
def test_a_quick_source_is_not_doubted_for_the_rhythm_of_the_heartbeats(since_s: float, doubted: bool) -> None:
    """Its age is told once a second, four times its cadence; what is older than that and two readings is doubted."""
    beat = worlds.heartbeat(prom_s=0.2)
    quick = beat.model_copy(update={"sources": [beat.sources[0].model_copy(update={"every_s": 0.25})]})
    at = scene(facts(worlds.status()), (120, 36), on_rollout=False)
    told = render_sources(replace(at, facts=replace(at.facts, beat=quick, beat_s=at.now_s - since_s)))
    assert ("s ?" in told.partition("router")[0]) is doubted


def test_an_end_is_told_by_who_has_the_traffic() -> None:
    """After the end the router is not asked any more, so there is no share to show as if it were read."""
    share = OnNew(asked=0.0, observed=None, confirmed=0.0, confirmed_is_asked=True)
    for outcome, told in (("done", "v42 is the champion now"), ("aborted", "v41 has all traffic")):
        status = worlds.status(outcome, [], ended=True, outcome=outcome, on_new=share)
        for size in EVERY_SIZE[:9]:
            shown = texts(render_rollout(scene(facts(status), size)))
            assert told in shown
            assert "router" not in shown


def test_foreign_text_cannot_move_the_cursor() -> None:
    """Escape sequences in names, reasons and sentences reach the screen as question marks."""
    evil = "\x1b[2J\x07\u202egate"
    status = worlds.status(held_because=evil, claimed_by=evil, blocked_by=[evil], challenger=evil)
    shown = "".join(span.text for one in render_rollout(scene(facts(status), (120, 36))) for span in one)
    assert all(char.isprintable() for char in shown)

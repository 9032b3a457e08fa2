"""The start wizard: what it asks, what comes out, and that only ``y`` after a dry run that went well sends it."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from rollout_tui import wizard as wiz
from rollout_tui.lines import line_width, texts
from rollout_tui.widgets.wizard import render_wizard
from rollout_tui.wizard import Page, Wizard
from rolloutd.wire import Problem
from rolloutd.wire_start import Choices
from tests.tui import worlds, worlds_start
from tests.tui.driving import Driven, driven
from tests.tui.fake_daemon import FakeDaemon
from tests.tui.test_pages import facts, scene

NO = Problem(status=409, code="gate", exit=6, message="max_concurrent is 1.", traffic="Unchanged.", next="rollout list")


def test_a_free_route_and_what_is_loaded_are_the_first_choices() -> None:
    """Nothing needs to be typed for the usual case; the name is the daemon's own."""
    spec = worlds_start.wizard().spec()
    assert spec["rollout"] == {
        "name": "scorer-eu-v8", "model": "Scorer/EU", "champion": "v7", "challenger": "v8", "route": "scorer",
    }  # fmt: skip
    assert spec["gate"] == [{"metric": "errors"}], "what the route's last rollout was judged by"


def test_another_strategy_is_named_with_its_reason_and_its_own_gates_are_not_doubled() -> None:
    """The standard names neither strategy nor reason; any other one needs both."""
    made = worlds_start.wizard(Page.PLAN, strategy="careful", reason="labels are new")
    rollout = made.spec()["rollout"]
    assert isinstance(rollout, dict)
    assert (rollout["strategy"], rollout["reason"]) == ("careful", "labels are new")
    assert [one.name for one in made.fields()] == ["strategy", "gate:errors", "gate:latency", "reason"]
    assert "say why" in replace(made, given={"strategy": "careful", "reason": "short"}).missing()


def test_what_is_recommended_stands_first_with_its_own_reason() -> None:
    """Taking the rules' answer costs no key and no sentence; another strategy is asked for one."""
    made = replace(worlds_start.wizard(Page.PLAN), advice=worlds_start.advice("shadow-canary", "careful"))
    assert made.value("strategy") == "careful"
    assert (made.value("reason"), made.missing()) == ("recommended shadow-canary by its rule", "")
    other = wiz.turn(made, 1)
    assert (other.value("strategy"), other.value("reason")) == ("standard", "")


def test_a_page_that_is_not_answered_says_what_is_missing() -> None:
    """Enter goes no further: no versions, two that are one, no gate, no measurement."""
    empty = Choices(as_of="", routes=[], strategies=[], metrics=[], standard="standard")
    assert "no route" in wiz.onward(Wizard(empty)).note
    used = worlds_start.wizard(route="ranker")
    assert "challenger" in wiz.onward(used).note
    assert "same version" in wiz.onward(worlds_start.wizard(challenger="v7")).note
    unmeasured = replace(worlds_start.wizard(Page.RISK), advice=None)
    assert "being measured" in wiz.onward(unmeasured).note
    bare = worlds_start.wizard(Page.PLAN, **{"gate:errors": "0"})
    assert "Without a gate" in wiz.onward(bare).note
    for page in (used, unmeasured, bare):
        assert wiz.onward(page).page is page.page


def test_typing_replaces_what_was_offered_and_another_route_voids_what_was_said() -> None:
    """A version of one's own begins with its first letter; answers about one route are none about another."""
    at = wiz.move(worlds_start.wizard(), 2)
    typed = wiz.type_text(at, "x", "x")
    assert typed is not None
    assert (typed.value("challenger"), typed.value("name")) == ("x", "scorer-eu-x")
    shorter = wiz.type_text(typed, "backspace", None)
    assert shorter is not None
    assert shorter.value("challenger") == ""
    assert wiz.type_text(worlds_start.wizard(), "x", "x") is None, "the route is picked, not typed"
    assert wiz.answer(typed, "route", "ranker").value("challenger") == ""


@pytest.mark.parametrize("page", list(Page))
@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 20), (40, 10), (20, 5), (1, 1)])
def test_the_question_under_the_cursor_is_in_sight_at_every_size(page: Page, size: tuple[int, int]) -> None:
    """However small the terminal, what Left and Right change is shown."""
    made = worlds_start.wizard(page)
    for at in range(max(1, len(made.fields()))):
        lines = render_wizard(scene(facts(), size, on_rollout=False), replace(made, at=at))
        assert len(lines) == size[1]
        assert max(line_width(one) for one in lines) <= size[0]
        asked = replace(made, at=at).field
        if asked is not None and size[0] >= 20:
            assert asked.label[:12] in texts(lines)


async def to_the_end(screen: Driven) -> None:
    """Through all pages with what is offered first."""
    await screen.sees("ranker", "LIVE")
    await screen.keys("n")
    await screen.sees("[1 What]", "scorer", "the other slot")
    await screen.keys("enter")
    await screen.sees("[2 Risk]", "412 requests a second", "by rule", "RUNNER-UP")
    await screen.keys("enter")
    await screen.sees("[3 Plan]", "1% > 10% > 50% > 99%")
    await screen.keys("enter")


async def test_four_pages_a_dry_run_and_y_start_it(daemon: FakeDaemon) -> None:
    """What is sent is what the dry run was of; then its own screen opens, with the chain of the start on it (I4)."""
    async with driven(daemon) as screen:
        await to_the_end(screen)
        await screen.sees("WOULD START", "NEEDS REQUESTS", "nothing goes up after 10s", "y yes (in a moment)")
        await screen.keys("y", gap_s=0.1)
        assert daemon.posts == [], "y is dead at first"
        started = worlds.status("collecting", name="scorer-eu-v8")
        daemon.statuses["scorer-eu-v8"] = started
        await screen.keys("y", gap_s=0.5)
        await screen.until(lambda: bool(daemon.posts))
        (post,) = daemon.posts
        assert (post.name, post.verb) == ("scorer-eu-v8", "start")
        assert post.body["spec"] == worlds_start.wizard(Page.DRY).spec()
        assert post.headers["idempotency-key"]
        await screen.sees("[1 Stages]", "START scorer-eu-v8: sent > daemon has it")
        assert screen.app.facts.name == "scorer-eu-v8"


async def test_nothing_but_y_starts_and_esc_goes_back_page_by_page(daemon: FakeDaemon) -> None:
    """Enter, n, a and p at the question send nothing; Esc closes it, then leads back to the fleet."""
    async with driven(daemon) as screen:
        await to_the_end(screen)
        await screen.sees("y yes")
        await screen.keys("enter", "a", "p", "m", "n", gap_s=0.6)
        assert screen.app.strip is None
        await screen.keys("a")
        await screen.sees("nothing to abort")
        await screen.keys("enter", gap_s=0.6)
        await screen.sees("y yes")
        await screen.keys("escape", "escape", "escape", "escape", "escape")
        await screen.sees("NEEDS YOU")
        assert daemon.posts == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dry": NO}, ("REFUSED", "max_concurrent is 1.", "NEXT")),
        (
            {"dry": worlds_start.dry_run(accepted=False, message="The fleet is held by ops2.")},
            ("WOULD NOT START", "held"),
        ),
        ({"doctor": worlds_start.doctor(up=False)}, ("WOULD NOT START", "CHECK SAYS NO", "slot scorer/b", "refused")),
    ],
)
async def test_what_the_dry_run_refuses_cannot_be_started(
    daemon: FakeDaemon, change: dict[str, object], says: tuple[str, ...]
) -> None:
    """No question opens, and neither Enter nor y sends anything; why is on the page."""
    for name, value in change.items():
        setattr(daemon, name, value)
    async with driven(daemon) as screen:
        await to_the_end(screen)
        await screen.sees(*says)
        await screen.keys("enter", "y", "y", gap_s=0.6)
        assert screen.app.strip is None
        assert daemon.posts == []


async def test_another_answer_is_asked_about_anew(daemon: FakeDaemon) -> None:
    """The advice on the page is always of the answers on the page."""
    async with driven(daemon) as screen:
        await screen.sees("ranker", "LIVE")
        await screen.keys("n")
        await screen.sees("scorer")
        await screen.keys("enter")
        await screen.sees("RECOMMENDED")
        daemon.advice = worlds_start.advice("shadow-segments", "")
        await screen.keys("right", "right")
        await screen.sees("cannot be undone", "No strategy of this shape")
        assert "wrong=for-good" in daemon.asked[-1]


async def test_traffic_that_nobody_could_measure_is_said_and_is_no_end(daemon: FakeDaemon) -> None:
    """No data is neither much nor little (I3): no recommendation, but the dry run is still to be had."""
    daemon.advice = worlds_start.advice().model_copy(
        update={"traffic": None, "recommendation": None, "strategy": "", "warnings": ["errors cannot be read now."]}
    )
    async with driven(daemon) as screen:
        await screen.sees("ranker", "LIVE")
        await screen.keys("n")
        await screen.sees("scorer")
        await screen.keys("enter")
        await screen.sees("Without measured traffic nothing is recommended", "errors cannot be read now.")
        await screen.keys("enter")
        await screen.sees("[3 Plan]")


async def test_a_viewer_is_told_who_can(daemon: FakeDaemon) -> None:
    """The wizard does not even open; the daemon would refuse the dry run, too."""
    daemon.hello = worlds.hello("viewer")
    async with driven(daemon) as screen:
        await screen.sees("ranker", "LIVE")
        await screen.keys("n")
        await screen.sees("start needs the role operator")
        assert daemon.asked == []


async def test_a_start_without_contact_is_not_sent(daemon: FakeDaemon) -> None:
    """What raises exposure goes out only while the picture is live (I10)."""
    async with driven(daemon) as screen:
        await to_the_end(screen)
        await screen.sees("y yes")
        screen.clock.forward(20.0)
        screen.app.tick()
        await screen.keys("y", gap_s=0.6)
        await screen.sees("nothing that raises exposure is sent")
        assert daemon.posts == []


def test_the_page_shows_the_same_as_a_file_that_can_be_read() -> None:
    """Whoever prefers a command gets a rollout file with the same content, quotes and all."""
    made = worlds_start.wizard(Page.DRY, strategy="careful", reason='it says "new" \\ old')
    assert tomllib.loads("\n".join(wiz.as_file(made.spec()))) == made.spec()

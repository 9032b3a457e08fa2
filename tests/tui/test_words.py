"""The words of the screen: none that blames or means two things, and every state tells itself apart."""

from __future__ import annotations

import ast
from pathlib import Path

import rollout_tui
from rollout_tui import words
from rollout_tui.words import FORBIDDEN, STATES, attention, state_word

PACKAGE = Path(rollout_tui.__file__).parent


def _strings() -> list[tuple[str, str]]:
    """Every string constant of the package that is no docstring, with its file."""
    found: list[tuple[str, str]] = []
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text())
        silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        told = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in silent]
        found += [(file.name, node.value) for node in told if isinstance(node.value, str)]
    return found


def test_no_string_holds_a_forbidden_word() -> None:
    """No string of the screen blames, alarms without a subject, or uses a second word for something."""
    said = [(file, text) for file, text in _strings() if text not in FORBIDDEN]
    assert len(said) > 300
    bad = [(file, text) for file, text in said for word in FORBIDDEN if word in text.lower()]
    assert not bad


def test_states_tell_themselves_apart_without_colour() -> None:
    """Each word belongs to one state; a symbol is shared only by the two ends that give all traffic back."""
    assert len({one.word for one in STATES}) == len(STATES)
    shared = {"aborted", "rolled_back"}
    rest = [one for one in STATES if one.key not in shared]
    assert len({one.symbol for one in rest}) == len(rest)
    assert len({one.ascii for one in rest}) == len(rest)
    assert all(one.ascii.isascii() for one in STATES)


def test_every_spelling_of_a_state_is_understood() -> None:
    """The wire's small letters, spaces, hyphens and phases lead to the same word."""
    for spelling in ("not_obeyed", "NOT OBEYED", "not-obeyed"):
        assert state_word(spelling).word == "NOT OBEYED"
    assert state_word("receding").word == "GOING BACK"


def test_an_unknown_state_of_a_newer_daemon_is_shown_and_not_at_the_bottom() -> None:
    """A word this screen does not know is shown as it came, harmless, and above what is at rest."""
    unknown = state_word("levitat\x1bing")
    assert unknown.word == "LEVITAT?ING"
    assert attention("levitating") < attention("collecting")


def test_the_order_of_attention() -> None:
    """What is not obeyed comes first, what has ended last."""
    order = ["not_obeyed", "going_back", "harm", "blind", "drift", "asks_you", "paused", "collecting", "done"]
    assert sorted(order, key=attention) == order


def test_what_could_not_be_done_says_what_traffic_does_or_what_to_do() -> None:
    """A sentence that refuses names traffic, the next key, or a command."""
    for text in (words.NOT_BUILT, words.ENDED, words.GAVE_UP, words.STOPPED):
        assert "raffic" in text
    for text in (words.NO_ANSWER, words.NEEDS_ROLE, words.GAVE_UP):
        assert "{command}" in text

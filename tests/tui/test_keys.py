"""The list of keys and the key file: nothing that raises on a stopping key, ``y`` stays, no clash goes unreported."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout_tui.keys import COMMANDS, DEFAULT, STOPPING, BadKeys, Place, meet, remap
from rollout_tui.preferences import load, read
from rolloutd.verbs import VERBS, Risk

PLACES = [(), (Place.FLEET,), (Place.ROLLOUT,), (Place.ROLLOUT, Place.CHARTS), (Place.ROLLOUT, Place.TIMELINE),
          (Place.ROLLOUT, Place.SEGMENTS), (Place.REPORT,), (Place.WIZARD,)]  # fmt: skip


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_stopping_keys_work_everywhere_also_with_caps_lock(places: tuple[Place, ...]) -> None:
    """``a A p P`` stop in every place; no capital letter raises."""
    for key, name in (("a", "abort"), ("A", "abort"), ("p", "pause"), ("P", "pause")):
        command = DEFAULT.find(key, *places)
        assert command is not None
        assert command.name == name
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        command = DEFAULT.find(letter, *places)
        assert command is None or command.risk is not Risk.RAISES
    assert DEFAULT.find("y", *places) is None


def test_the_list_itself_has_no_clash() -> None:
    """No two commands that can meet on a screen share a key, and every verb with a key is in the list."""
    for at, one in enumerate(COMMANDS):
        for other in COMMANDS[at + 1 :]:
            assert not (meet(one.place, other.place) and set(one.keys) & set(other.keys)), (one.name, other.name)
    assert {row.verb for row in VERBS if row.key} <= {one.name for one in COMMANDS}
    assert remap({}) == DEFAULT


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"promote": "a"}, "raises exposure"),
        ({"resume": "P"}, "raises exposure"),
        ({"promote": "A"}, "raises exposure"),
        ({"pause": "l", "sort": "l"}, "must stay reachable"),
        ({"pause": "m"}, "must stay reachable"),
        ({"sort": "A"}, "must stay reachable"),
        ({"abort": "s"}, "sort"),
        ({"filter": "s"}, "filter and sort would both be on s"),
        ({"sort": "y"}, "y confirms"),
        ({"promote": "enter"}, "cannot be given"),
        ({"sort": "ctrl+c"}, "cannot be given"),
        ({"sorting": "l"}, "did you mean sort"),
        ({"sort": ""}, "names no key"),
        ({"sort": 3}, "names no key"),
        ({"sort": "two"}, "names no key"),
    ],
    ids=str,
)
def test_a_doubtful_key_file_is_refused(changes: dict[str, object], says: str) -> None:
    """With a sentence that says what is wrong."""
    with pytest.raises(BadKeys, match=says):
        remap(changes)


def test_keys_can_be_moved_and_the_old_ones_are_free() -> None:
    """``pause`` on ``l``: ``l`` and ``L`` pause, ``p`` does nothing any more, and another command may take it."""
    keymap = remap({"pause": "l", "sort": "f2"})
    assert keymap.key("pause") == "l"
    found = {key: keymap.find(key, Place.FLEET) for key in ("l", "L", "p", "s", "f2")}
    assert {key: one.name if one else None for key, one in found.items()} == {
        "l": "pause", "L": "pause", "p": None, "s": None, "f2": "sort",
    }  # fmt: skip
    assert {"range", "view"} == {one.name for key in "tv" if (one := DEFAULT.find(key, Place.CHARTS))}
    assert remap({"next-tab": "o", "putback": "f3"}).key("next-tab") == "o"
    assert remap({"mute": "l", "range": "z"}).key("range") == "z"  # two places that never meet


def test_a_bad_file_opens_the_screen_with_its_own_keys_and_says_why(tmp_path: Path) -> None:
    """Nobody is left without a screen at night; nothing of a bad file is taken."""
    file = tmp_path / "tui.toml"
    assert load(file).keys == DEFAULT
    assert not load(file).trouble
    for text in ("[keys]\npromote = 'a'\ntheme = 1\n", "theme = 'pink'\n", "no toml", "bell = true\n"):
        file.write_text(text)
        found = load(file)
        assert found.keys == DEFAULT
        assert str(file) in found.trouble
        assert "was not taken" in found.trouble
    file.write_text("theme = 'light'\nnotify = 'osc9'\n[keys]\npause = 'l'\n")
    good = load(file)
    assert (good.theme, good.ways.notify, good.keys.key("pause"), good.trouble) == ("light", "osc9", "l", "")


def test_settings_have_one_type() -> None:
    """Anything else is refused by name."""
    for found in (
        {"notify": "shout"},
        {"mouse": 1},
        {"keys": "a"},
        {"notify_tmux_passthrough": "yes"},
        {"hosts": "h"},
        {"hosts": [""]},
    ):
        with pytest.raises(BadKeys):
            read(found)


def test_what_stops_is_stopping_in_the_table() -> None:
    """The guarded keys are verbs that lower or freeze."""
    assert {row.verb for row in VERBS if row.verb in STOPPING and row.risk in {Risk.LOWERS, Risk.FREEZES}} == STOPPING

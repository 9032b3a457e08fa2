"""Tests of bad input: every slip is told with its line and what was meant, and no text is answered in another way."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rolloutd.settings import SettingsError, read_settings, read_spec
from rolloutd.settings.config_tables import ConfigTables
from rolloutd.settings.locator import Path, locate
from rolloutd.settings.problems import dotted, nearest, slips
from rolloutd.settings.shape import keys_of, table_at
from tests.settings.test_locator import paths
from tests.settings.words import CONFIG, EXAMPLE, FULL_VOCABULARY, SPEC, VOCABULARY, config

LETTERS = "abcdefghijklmnopqrstuvwxyz_"


def own_keys(path: Path) -> tuple[str, ...]:
    """The keys that the tables of the configuration know at a path, adapters' own included."""
    known = keys_of(table_at(ConfigTables, path))
    if len(path) == 2 and path[0] in ("routers", "sources"):
        kinds = FULL_VOCABULARY.router_keys if path[0] == "routers" else FULL_VOCABULARY.source_keys
        named = {"edge": "envoy", "gateway": "haproxy", "front": "nginx", "answers": "predictions"}
        named["warehouse"] = "sql"
        kind = named.get(str(path[1]), str(path[1]))
        known = (*known, *(kinds or {})[kind])
    return known


def keys_in_example() -> list[tuple[Path, int]]:
    """Every key of the example that is ours (not a name), with its line, where it stands first on the line."""
    text = EXAMPLE.splitlines()
    lines = locate(EXAMPLE).by_path
    found = []
    for path in paths(tomllib.loads(EXAMPLE)):
        key, line = str(path[-1]), lines[path]
        if key in own_keys(path[:-1]) and re.match(rf"{key} *=", text[line - 1]):
            found.append((path, line))
    return found


@st.composite
def misspelled(draw: st.DrawFn) -> tuple[str, Path, int, str]:
    """The example with one key misspelled: the text, the key's path, its line, and what the key was."""
    path, line = draw(st.sampled_from(keys_in_example()))
    key, known = str(path[-1]), own_keys(path[:-1])
    at = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from(LETTERS))
    swapped = key[:at] + key[at + 1 : at + 2] + key[at] + key[at + 2 :]
    slip = draw(
        st.sampled_from(
            [key[:at] + letter + key[at:], key[:at] + letter + key[at + 1 :], swapped, key[:at] + key[at + 1 :]]
        )
    )
    if not slip or slip in known or sum(slips(slip, other) <= slips(slip, key) for other in known) > 1:
        slip = key + "x"  # the drawn one could as well mean another key
    lines = EXAMPLE.splitlines()
    lines[line - 1] = lines[line - 1].replace(key, slip, 1)
    return "\n".join(lines), (*path[:-1], slip), line, key


@given(misspelled())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_any_slip_in_the_example_is_told_with_what_was_meant(case: tuple[str, Path, int, str]) -> None:
    """One wrong letter in one key: exactly one fault, on that line, with that key and the right nearest one."""
    text, path, line, meant = case
    with pytest.raises(SettingsError) as refusal:
        read_settings(text, "config.toml", FULL_VOCABULARY)
    (problem,) = refusal.value.problems
    assert (problem.file, problem.key, problem.line) == ("config.toml", dotted(path), line)
    assert problem.message.endswith(f"Did you mean {meant}?")


def test_keys_of_the_example_are_many() -> None:
    """The property above speaks of all tables of the example."""
    assert len(keys_in_example()) > 70


def refusal(read: Callable[..., object], *arguments: object) -> SettingsError | None:
    """The refusal, None when the text is accepted; any other exception fails the test."""
    try:
        read(*arguments)
    except SettingsError as error:
        return error
    return None


TOML_ALPHABET = st.text(alphabet="abgst_.=[]{}\"'#\n\\, 1%", max_size=80)
LINES_OF_FILES = st.lists(st.sampled_from((EXAMPLE + CONFIG + SPEC).splitlines()), max_size=25).map("\n".join)


@given(st.one_of(st.text(max_size=200), TOML_ALPHABET, LINES_OF_FILES))
@example("a = " + "[" * 5000)
@example("a = " + "9" * 5000)
@example("a = 1\n" * 2)
@example(".".join(["a"] * 500) + " = 1")
@example("\n".join(f"key{n} = 1" for n in range(2000)))
@example("policy = 3\nroutes = []\nstrategies.a = 1\n[roles]\nviewers = 'x'")
@settings(deadline=None, max_examples=400)
def test_no_text_is_answered_with_anything_but_a_settings_error(text: str) -> None:
    """Garbage as a configuration and as a rollout: accepted, or refused with a SettingsError."""
    for error in (refusal(config, text), refusal(read_spec, text, "spec.toml", config())):
        assert error is None or (error.problems and error.traffic in str(error))


@pytest.mark.parametrize("key", ["a", '"a"', "'a'"])
@pytest.mark.parametrize("written", ["[{}]", "x = {{ {} = 1 }}", "{} = 1"])
def test_a_key_of_very_many_parts_never_reaches_the_parser(written: str, key: str) -> None:
    """S2: the parser takes the square of its parts for one, and the event loop would stand still that long."""
    error = refusal(config, f"\n{written.format(' . '.join([key] * 10_000))}\n")
    assert error is not None
    assert [(one.line, one.message[:34]) for one in error.problems] == [(2, "Something here has more than 32 pa")]


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from(["1%", "15m"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["rollout", "stage", "gate", "share", "harm", "ratio", "name", "x"]), inner, max_size=4
        ),
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["rollout", "stage", "gate", "timing", "x"]), JSON))
@example({"rollout": {"model": "m", "champion": "a", "challenger": "b", "route": "ranker", "name": 10**400}})
@example({"gate": [{"metric": "errors", "weight": 10**400, "harm": {"ratio": 10**400}}]})
@settings(deadline=None, max_examples=300)
def test_no_json_is_answered_with_anything_but_a_settings_error(data: dict[str, object]) -> None:
    """Any JSON as a rollout: accepted, or refused with faults that have a key and no line."""
    error = refusal(read_spec, data, "body", config())
    assert error is None or all(problem.key and problem.line is None for problem in error.problems)


def faults(text: str) -> dict[str, str]:
    """The message of each fault by its key."""
    with pytest.raises(SettingsError) as refusal:
        config(text)
    return {problem.key: problem.message for problem in refusal.value.problems}


def test_all_faults_are_told_at_once() -> None:
    """Slips, wrong values and references into nowhere, in nested tables, come in one refusal in the order of lines."""
    text = CONFIG.replace('gates = ["errors"]', 'min_tmie = "5m"\nalpha = "x"\ngates = ["erors"]')
    text = text.replace('router = "edge"', 'router = "egde"').replace(
        "[metrics.latency]", "[metrics.latency]\nslow = 1"
    )
    with pytest.raises(SettingsError) as refusal:
        config(text + '[[strategies.x.stage]]\nname = "one"\nshare = "120%"\n')
    assert [(problem.line, problem.key) for problem in refusal.value.problems] == [
        (3, "policy.min_tmie"),
        (4, "policy.alpha"),
        (5, "policy.gates"),
        (11, "routes.ranker.router"),
        (24, "metrics.latency.slow"),
        (29, "strategies.x.stage[0].share"),
    ]
    assert refusal.value.traffic == "No traffic was changed; a running daemon keeps the configuration it runs with."
    assert refusal.value.next_step


def test_a_broken_entry_is_the_only_one_to_blame() -> None:
    """Nothing that refers to a router, source, metric or strategy with a fault of its own is told as a second fault."""
    text = CONFIG.replace('kind = "envoy"', "kind = 1").replace('kind = "scrape"', "kind = 2")
    text = (
        text.replace("[policy]", '[policy]\ndefault_strategy = "x"') + "[[strategies.x.stage]]\nname = 1\nshare = 2\n"
    )
    assert set(faults(text)) == {
        "routers.edge.kind",
        "sources.scrape.kind",
        "strategies.x.stage[0].name",
        "strategies.x.stage[0].share",
    }


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("[daemon]\nalpha = 1", "daemon.alpha", "it belongs in [policy]"),
        ("[plicy]\nalhpa = 0.1", "policy.alhpa", "Did you mean alpha?"),
        ("[policy]\nmin_ticks = 2.5", "policy.min_ticks", "This is a whole number, not a number with a point."),
        ("[policy]\nmin_ticks = 0", "policy.min_ticks", "It should be greater than or equal to 1."),
        ("[policy]\nmin_time = 5", "policy.min_time", "This is text in quotes such as 10s or 15m, not a whole number."),
        ('[daemon]\nlog_level = "loud"', "daemon.log_level", "This is one of 'debug', 'info', 'warning' or 'error'."),
        ('[daemon]\ntick = "1ms"', "daemon.tick", "This lies between 100ms and 10m."),
        ('[daemon]\nstate_dir = "here"', "daemon.state_dir", "This is a whole path"),
        ('[policy]\nholdback = "1e9%"', "policy.holdback", "A share is written as a percentage"),
        ("[policy]\nblind_recede = 1\nblind_hold = 2", "policy.blind_hold", "blind_hold is at least one tick"),
        ('[policy]\nwarm_up = "3h"', "policy.warm_up", "within its warm-up of 3h"),
        ('[policy]\ndefault_strategy = "standrad"', "policy.default_strategy", "Did you mean standard?"),
        ('[sockets]\ndir = "/' + "x" * 100 + '"', "sockets.dir", "at most 90 bytes"),
        ("[routers.Edge]\nkind = 'envoy'", "routers.Edge", "A name is 1 to 63 small letters"),
        ("[routers.edge]\nkinf = 'envoy'", "routers.edge.kinf", "Did you mean kind?"),
        ("[routers.edge]\nadmin = 'x'", "routers.edge.kind", "This key is missing. Which adapter this is."),
        ("[sources.s]\nkind = 'x'\nmax_age = '1h'", "sources.s.max_age", "it lives for two of scrape_interval"),
        ("strategies.x.stage = []", "strategies.x.stage", "A plan needs at least one stage."),
    ],
)
def test_what_a_fault_says(text: str, key: str, said: str) -> None:
    """A fault names what was expected, in words of the file."""
    assert said in faults(text)[key]


def test_a_wrong_kind_or_option_is_found_where_adapters_told_theirs() -> None:
    """With the adapters' words at hand a kind or an option that does not exist is told with the nearest one."""
    text = "[routers.edge]\nkind = 'envoi'\n[routers.other]\nkind = 'haproxy'\nsokcet = '/x'\n"
    with pytest.raises(SettingsError) as refusal:
        read_settings(text, "config.toml", FULL_VOCABULARY)
    assert [(problem.line, problem.message) for problem in refusal.value.problems] == [
        (2, "There is no kind 'envoi'. Did you mean envoy?"),
        (5, "There is no such key. Did you mean socket?"),
    ]


def test_an_adapters_own_fault_has_its_line() -> None:
    """What only an adapter can judge is refused with file, key and line, too."""
    error = config().refused(("routers", "edge", "kind"), "There is no such adapter.")
    assert str(error.problems[0]) == "line 6 routers.edge.kind: There is no such adapter."


def test_not_toml_has_its_line_and_no_value() -> None:
    """A syntax error is told by line and column, without the text that stands there."""
    with pytest.raises(SettingsError, match="line 3: This is not TOML at column 9") as refusal:
        read_settings("[daemon]\n\ntoken = hunter2", "config.toml", VOCABULARY)
    assert "hunter2" not in str(refusal.value)


def test_the_nearest_word_is_the_one_with_the_fewest_slips() -> None:
    """Added, lost, changed and swapped letters count one each; a word that is far from all has no nearest."""
    assert [slips("tick", word) for word in ("tick", "tcik", "tck", "tickk", "tock", "")] == [0, 1, 1, 1, 1, 4]
    assert nearest("min_tcks", ("min_time", "min_ticks")) == "min_ticks"
    assert nearest("banana", ("min_time", "min_ticks")) is None

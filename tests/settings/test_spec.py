"""Tests of rollout files: what becomes of one, what the policy forbids, and what is known but not built yet."""

from __future__ import annotations

import tomllib

import pytest

from rolloutd.core.plan import OnFail, OnUndecided, Timing
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share
from rolloutd.settings import Settings, SettingsError, read_settings, read_spec
from rolloutd.settings.spec_file import sanitised
from tests.settings.words import CONFIG, EXAMPLE, FULL_VOCABULARY, SPEC, config

REASON = 'reason = "a longer look"\n'
STAGES = """
[[stage]]
name = "canary"
share = "1%"
min_time = "1h"
max_time = "6h"
on_undecided = "rollback"
[[stage]]
name = "watch"
share = "100%"
approval = true
"""
GATES = """
[[gate]]
metric = "latency"
on_fail = "hold"
harm = { difference = "0.2pp" }
accept = { ratio = 1.25 }
limit = "5%"
[[gate]]
metric = "haproxy.errors"
on_fail = "observe"
"""


def refused(text: str, settings: Settings | None = None) -> list[tuple[int | None, str, str]]:
    """Line, key and message of every fault."""
    with pytest.raises(SettingsError) as refusal:
        read_spec(text, "ranker.toml", settings or config())
    assert "No rollout was started; traffic is as before." in str(refusal.value)
    return [(problem.line, problem.key, problem.message) for problem in refusal.value.problems]


def test_the_least_file_is_the_default_strategy_with_the_policys_gates() -> None:
    """Four names are enough; the plan needs no configuration again."""
    spec = read_spec(SPEC, "ranker.toml", config())
    assert (spec.name, spec.plan.strategy, spec.reason, spec.change) == ("ranker-v42", "standard", "", "standard")
    (gate,) = spec.plan.gates
    assert (gate.metric, gate.source, gate.every_ms, gate.max_age_ms) == ("errors", "scrape", 5_000, 30_000)
    assert (gate.harm, gate.accept, gate.limit) == (Margin.ratio(1.0), Margin.ratio(1.5), None)
    assert spec.plan.timing == Timing()
    assert (spec.plan.alpha, spec.plan.beta) == (0.01, 0.05)


def test_a_written_out_plan_is_taken_as_written() -> None:
    """Stages, gates and their margins; the last stage loses the holdback; the policy's gate joins them."""
    plan = read_spec(SPEC + REASON + STAGES + GATES, "ranker.toml", config()).plan
    canary, watch = plan.stages
    assert (canary.min_time_ms, canary.max_time_ms, canary.on_undecided) == (
        3_600_000,
        21_600_000,
        OnUndecided.ROLLBACK,
    )
    assert (watch.share, watch.approval, watch.min_time_ms, watch.min_ticks) == (Share(9_900), True, 900_000, 30)
    latency, haproxy, errors = plan.gates
    assert (latency.harm, latency.accept, latency.limit) == (Margin.difference(0.002), Margin.ratio(1.25), 0.05)
    assert (latency.on_fail, haproxy.on_fail, errors.on_fail) == (OnFail.HOLD, OnFail.OBSERVE, OnFail.ROLLBACK)
    assert (plan.weight_of(latency), plan.weight_of(errors)) == (0.5, 0.5)


def test_the_same_as_json_is_the_same_rollout() -> None:
    """A body on the socket says what a file says."""
    text = SPEC + REASON + STAGES + GATES
    assert read_spec(tomllib.loads(text), "body", config()) == read_spec(text, "ranker.toml", config())


def test_a_reason_from_the_command_line_fills_in() -> None:
    """It counts where the file gives none, and is checked like one."""
    assert read_spec(SPEC + STAGES, "ranker.toml", config(), reason="by hand").reason == "by hand"
    assert read_spec(SPEC + REASON, "ranker.toml", config(), reason="by hand").reason == "a longer look"
    with pytest.raises(SettingsError, match=r"rollout\.reason: This is one line of visible text"):
        read_spec(SPEC, "ranker.toml", config(), reason="two\nlines")


def test_a_strategy_gives_its_gates_and_the_file_replaces_them_one_by_one() -> None:
    """A gate on the same metric takes the strategy's place and its weight; the others stay."""
    settings = read_settings(EXAMPLE, "config.toml", FULL_VOCABULARY)
    changed = '[[gate]]\nmetric = "errors"\nlimit = "2%"\nweight = 0.4\n'
    first, second = read_spec(SPEC + changed, "ranker.toml", settings).plan.gates
    assert (first.metric, first.limit, first.weight, second.metric) == ("errors", 0.02, 0.4, "latency")


def test_weights_default_to_one_half_for_the_main_gate() -> None:
    """The first gate that can stop a rollout has one half, the others share the rest."""
    gates = '[[gate]]\nmetric = "haproxy.errors"\non_fail = "observe"\n'
    gates += "".join(f'[[gate]]\nmetric = "{name}"\n' for name in ("errors", "latency", "envoy.errors"))
    plan = read_spec(SPEC + gates, "ranker.toml", config()).plan
    assert [plan.weight_of(gate) for gate in plan.gates[1:]] == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            REASON + STAGES.replace('"1h"', '"5m"'),
            (12, "stage[0].min_time", "5m is under the policy's min_time of 15m."),
        ),
        (
            REASON + STAGES.replace('name = "watch"', 'name = "watch"\nmin_ticks = 3'),
            (17, "stage[1].min_ticks", "3 is under"),
        ),
        (REASON + STAGES.replace('"1%"', '"100%"'), (17, "stage[1].share", "must grow")),
        (REASON + STAGES.replace('"100%"', '"90%"'), (17, "stage[1].share", "The last stage is the watch")),
        (REASON + STAGES.replace('"1%"', '"0%"'), (11, "stage[0].share", "needs smoke probes")),
        (REASON + STAGES.replace('"1%"', '"0.001%"'), (11, "stage[0].share", "steps of 0.01%")),
        (REASON + STAGES.replace('"watch"', '"canary"'), (16, "stage[1].name", "Two stages are called canary")),
        (REASON + STAGES.replace('"6h"', '"4m"'), (12, "stage[0].min_time", "above its maximum time")),
        (REASON + STAGES.replace('"6h"', '"6h"\nholdback = "1%"'), (14, "stage[0].holdback", "Only the last stage")),
        (REASON + STAGES + 'holdback = "0%"\n', (15, "stage[1]", "at least one gate needs a limit")),
        (REASON + STAGES + 'holdback = "51%"\n', (19, "stage[1].holdback", "At most half")),
        (STAGES, (2, "rollout.reason", "Any other plan than the strategy standard needs a reason")),
        ('strategy = "standard"\n' + REASON + STAGES, (7, "rollout.strategy", "Leave out the one or the other")),
        ('strategy = "standrad"\n' + REASON, (7, "rollout.strategy", "Did you mean standard?")),
        ('change = "huge"\n', (7, "rollout.change", "This is one of 'standard' or 'major'.")),
        ('[[gate]]\nmetric = "latncy"\n', (8, "gate[0].metric", "Did you mean latency?")),
        ('[[gate]]\nmetric = "envoy.latency"\n', (8, "gate[0].metric", "needs an slo")),
        ('[[gate]]\nmetric = "errors"\non_fail = "observe"\n', (9, "gate[0].on_fail", "cannot only be observed")),
        ('[[gate]]\nmetric = "errors"\n' * 2, (10, "gate[1].metric", "Two gates are on errors")),
        ('[[gate]]\nmetric = "errors"\nlimit = "0%"\n', (9, "gate[0].limit", "between 0% and 100%")),
        ('[[gate]]\nmetric = "errors"\nharm = { rato = 1.0 }\n', (9, "gate[0].harm.rato", "Did you mean ratio?")),
        (
            '[[gate]]\nmetric = "errors"\nharm = { difference = "2%" }\n',
            (9, "gate[0].harm.difference", "such as 0.2pp"),
        ),
        ('[[gate]]\nmetric = "latency"\nweight = 0.7\n', (7, "gate", "errors has no weight while others have")),
        ('[timing]\ntick = "20s"\n', (8, "timing.tick", "shorter than the daemon's 10s, not longer")),
        ('[timing]\nwarm_up = "1m"\n', (8, "timing.warm_up", "under the policy's 5m")),
        ("[timing]\nwindow_ticks = 3\n", (8, "timing.window_ticks", "under the policy's 5m")),
        ("[timing]\nblind_recede = 21\n", (8, "timing.blind_recede", "the policy's blind_recede of 20 ticks")),
        (
            '[timing]\nwarm_up = "2h"\n',
            (8, "timing.warm_up", "Stage half is over after 1h30m, within its warm-up of 2h"),
        ),
    ],
)
def test_what_is_refused_and_where(text: str, expected: tuple[int, str, str]) -> None:
    """Each fault has its line and key, and says what was expected, with the policy's figure."""
    line, key, said = expected
    found = refused(SPEC + text)
    assert any((line, key) == fault[:2] and said in fault[2] for fault in found), found


@pytest.mark.parametrize(
    ("key", "said"), [("mirror = true", "a metric of pairs"), ('segments = ["eu"]', "judged by segment with by")]
)
def test_words_that_belong_elsewhere_say_where(key: str, said: str) -> None:
    """A word of another table is refused as such, not as a slip."""
    ((_, found, message),) = refused(f'{SPEC}[[gate]]\nmetric = "latency"\n{key}\n')
    assert found == f"gate[0].{key.split(maxsplit=1)[0]}"
    assert said in message


def test_an_unknown_route_and_equal_versions_are_refused() -> None:
    """Both are told, each in its place."""
    text = SPEC.replace('"ranker"\n', '"ranker"\n', 1).replace('route = "ranker"', 'route = "rnaker"')
    assert refused(text) == [(6, "rollout.route", "There is no route rnaker. Did you mean ranker?")]
    ((line, key, _),) = refused(SPEC.replace("v41", "v42"))
    assert (line, key) == (5, "rollout.challenger")


def test_a_plan_without_gates_or_with_gates_that_only_observe_is_refused() -> None:
    """Nothing goes up without evidence, and something must be able to stop it."""
    settings = config(CONFIG.replace('gates = ["errors"]', ""))
    assert refused(SPEC, settings)[0][2] == "A plan needs at least one gate: nothing goes up without evidence."
    observing = SPEC + '[[gate]]\nmetric = "errors"\non_fail = "observe"\n'
    assert "nothing would ever stop" in refused(observing, settings)[0][2]


def test_a_shorter_tick_keeps_the_length_of_the_observation_window() -> None:
    """A tick of one second needs ten times as many of them."""
    plan = read_spec(SPEC + '[timing]\ntick = "1s"\nwarm_up = "6m"\n', "ranker.toml", config()).plan
    assert plan.timing == Timing(tick_ms=1_000, window_ticks=300, warm_up_ms=360_000)


def test_short_times_are_allowed_only_by_the_policy_and_recorded() -> None:
    """A demonstration's plan is what it asks for, and its reason says what is less careful than the policy."""
    short = SPEC + STAGES.replace('"1h"', '"5s"') + '[timing]\nwarm_up = "2s"\nwindow_ticks = 2\n'
    assert len(refused(short)) == 4
    spec = read_spec(
        short, "demo.toml", config(CONFIG.replace("[policy]", "[policy]\nallow_short_times = true")), "demo"
    )
    assert spec.plan.stages[0].min_time_ms == 5_000
    assert spec.reason == (
        "demo [less careful than the policy, as allow_short_times permits: min_time 5s, warm_up 2s, window 20s]"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [("Ranker/EU-v42", "ranker-eu-v42"), ("--x--", "x"), ("ü", "rollout"), ("a" * 99, "a" * 63), ("a b  c", "a-b-c")],
)
def test_names_are_made_from_model_and_challenger(text: str, name: str) -> None:
    """Whatever versions are called, a rollout has a name that can stand in a path."""
    assert sanitised(text) == name


def test_a_major_change_has_checks_of_its_own() -> None:
    """The policy's for all, those for a major change, and the file's, each once; an approval is one of them."""
    kinds = '[checks.sign-off]\nkind = "approval"\n[checks.call]\nkind = "approval"\nother_person = false\n'
    policy = '[policy]\nchecks = ["call"]\nmajor_checks = ["sign-off", "call"]'
    settings = config(CONFIG.replace("[policy]", policy) + kinds)
    for change, expected in (("standard", ["call"]), ("major", ["call", "sign-off"])):
        spec = read_spec(SPEC + f'change = "{change}"\n', "ranker.toml", settings)
        assert [check.name for check in spec.checks] == expected
    with pytest.raises(SettingsError, match=r"policy\.major_checks: There is no check sign-of\. Did you mean sign-off"):
        config(CONFIG.replace("[policy]", policy.replace('"sign-off"', '"sign-of"')) + kinds)


@pytest.mark.parametrize(
    ("policy", "change", "share"),
    [
        ("", "standard", "50%"),
        ("", "major", "50%"),
        ('major_second_person_from = "0%"\n', "standard", "50%"),
        ('major_second_person_from = "0%"\n', "major", "0%"),
        ('second_person_from = "10%"\n', "major", "10%"),
        ('second_person_from = "10%"\nmajor_second_person_from = "80%"\n', "major", "10%"),
        ('second_person_from = "80%"\n', "standard", "80%"),
    ],
)
def test_from_which_share_on_two_people_are_needed_is_in_the_plan(policy: str, change: str, share: str) -> None:
    """By the kind of change; of a major one it is never more than of any other."""
    settings = config(CONFIG.replace("[policy]\n", f"[policy]\n{policy}"))
    plan = read_spec(f'{SPEC}change = "{change}"\nreason = "{change}"\n', "ranker.toml", settings).plan
    assert plan.second_person_from == Share.parse(share)

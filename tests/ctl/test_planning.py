"""The verbs plan, simulate and replay through the real command, without a daemon: answers, refusals, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutd.wire_plan import Recommendation

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
SCRIPT = Path(sys.executable).with_name("rollout")
SPEC = """
[rollout]
model = "ranker"
champion = "v41"
challenger = "v42"
route = "ranker"
reason = "a test"
[[stage]]
name = "canary"
share = "1%"
max_time = "2h"
[[stage]]
name = "watch"
share = "100%"
holdback = "5%"
[[gate]]
metric = "errors"
accept = { ratio = 2.0 }
[[gate]]
metric = "latency"
accept = { ratio = 2.0 }
"""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command; there are no sockets where it looks."""
    return subprocess.run(
        [SCRIPT, *map(str, arguments), "--socket-dir", "/nonexistent"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan that needs no configuration."""
    file = tmp_path / "plan.toml"
    file.write_text(SPEC)
    return file


def test_a_plan_is_checked_without_a_daemon(plan: Path) -> None:
    """Per stage and gate: samples and time, the smallest harm, the slowest gate."""
    ran = run("plan", "check", plan, "--rps", "400", "--champion-errors", "0.5%", "--latency", "2%", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["schema"], found["decision"]) == ("rollout.outlook/1", "go")
    first = found["stages"][0]
    assert first["slowest"] == "errors"
    for gate in first["gates"]:
        assert 0 < gate["requests"]["mean"] < gate["requests"]["p90"]
        assert gate["time_s"]["mean"] == pytest.approx(gate["requests"]["mean"] / first["rps"])
        assert 1 < gate["smallest_harm"] < 5
    text = run("plan", "check", plan, "--rps", "400").stdout
    for words in ("rule", "can start as it is", "slowest gate", "or worse in time", "Whole plan"):
        assert words in text


def test_a_first_stage_that_cannot_decide_is_refused_with_6(plan: Path) -> None:
    """With the numbers, and with what would do; a little more traffic gets a larger first share."""
    ran = run("plan", "check", plan, "--rps", "2")
    assert ran.returncode == 6
    assert "is REFUSED" in ran.stdout
    assert "wider margins after a shadow" in ran.stdout
    more = run("plan", "check", plan, "--rps", "25", "--json")
    assert (more.returncode, json.loads(more.stdout)["decision"]) == (0, "replanned")


def test_a_simulation_is_one_object_and_the_same_again(plan: Path) -> None:
    """Odds, time and requests to each end, users exposed."""
    asked = (
        "simulate",
        plan,
        "--rps",
        "400",
        "--challenger-errors",
        "errors=5%",
        "--runs",
        "4",
        "--seed",
        "3",
        "--json",
    )
    first, again = run(*asked), run(*asked)
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    found = json.loads(first.stdout)
    assert found["schema"] == "rollout.simulation/1"
    assert (found["rollback"]["odds"], found["rolled_back_by"]) == (1.0, {"errors": 4})
    assert found["exposed"]["users"]["mean"] > 0


def test_a_replay_of_a_file_tells_event_by_event(plan: Path, tmp_path: Path) -> None:
    """A hundred bad answers of a thousand: what the plan would have done, and when."""
    rows = [
        {
            "time_s": 10 * k,
            "metric": metric,
            "champion_n": 990,
            "champion_bad": 5,
            "challenger_n": 10,
            "challenger_bad": 2,
        }
        for k in range(1, 200)
        for metric in ("errors", "latency")
    ]
    ticks = tmp_path / "ticks.jsonl"
    ticks.write_text("\n".join(map(json.dumps, rows)))
    ran = run("replay", ticks, "--plan", plan, "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["schema"], found["outcome"]) == ("rollout.replay/1", "rollback")
    assert [event["kind"] for event in found["events"]][-1] == "RolloutEnded"
    assert "goes back (harm)" in run("replay", ticks, "--plan", plan).stdout


def test_a_replay_leaves_out_what_ticks_do_not_tell(plan: Path, tmp_path: Path) -> None:
    """A gate on drift is not taken for blind: it is left out, and that is said."""
    drifting = tmp_path / "drift.toml"
    drifting.write_text(plan.read_text() + '\n[[gate]]\nmetric = "outcomes"\n')
    row = {"champion_n": 990, "champion_bad": 5, "challenger_n": 10, "challenger_bad": 0}
    rows = [{"time_s": 10 * k, "metric": metric, **row} for k in range(1, 40) for metric in ("errors", "latency")]
    ticks = tmp_path / "ticks.jsonl"
    ticks.write_text("\n".join(map(json.dumps, rows)))
    ran = run("replay", ticks, "--plan", drifting, "--config", EXAMPLE, "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["notes"] == ["outcomes is left out: its ticks have no classes. The others share its weight."]
    assert set(found["gates"]) == {"errors", "latency"}
    assert "blind" not in ran.stdout.lower()


def test_given_traffic_tells_nothing_of_pairs_in_order(plan: Path, tmp_path: Path) -> None:
    """How many positives there are nobody said: forecast and rehearsal leave the gate out, and alone it is no plan."""
    ordered = tmp_path / "order.toml"
    text = (
        plan.read_text().replace('max_time = "2h"', 'max_time = "9h"').replace("holdback", 'max_time = "9h"\nholdback')
    )
    gate = '[[gate]]\nmetric = "order"\n'
    ordered.write_text(f"{text}\n{gate}")
    ran = run("plan", "check", ordered, "--config", EXAMPLE, "--rps", "400", "--json")
    found = json.loads(ran.stdout)
    assert "The traffic of order is not known; the forecast leaves it out." in found["warnings"]
    assert {seen["metric"] for seen in found["traffic"]} == {"errors", "latency"}
    simulated = ("simulate", ordered, "--config", EXAMPLE, "--rps", "400", "--runs", "2", "--json")
    assert run(*simulated).returncode == 0
    ordered.write_text(text[: text.index("[[gate]]")] + gate)
    ran = run(*simulated)
    assert ran.returncode == 2
    assert "No gate of this plan is on what rates of requests tell" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan", "check", "PLAN", "--champion-errors", "1%"), "--rps is not"),
        (("plan", "check", "PLAN", "--rps", "9", "--champion-errors", "errrs=1%"), "no gate on errrs"),
        (("plan", "check", "PLAN", "--rps", "9", "--champion-errors", "150%"), "no part of requests"),
        (("plan", "check", "PLAN", "--rps", "9", "--config", "/nonexistent/c.toml"), "cannot be read"),
        (("simulate", "PLAN"), "--rps"),
        (("simulate", "PLAN", "--rps", "9", "--nuisance", "burst=3"), "no nuisance 'burst'"),
        (("simulate", "PLAN", "--rps", "9", "--onset", "soon"), "not a duration"),
        (("simulate", "PLAN", "--rps", "9", "--onset", f"{'9' * 400}d"), "so many digits"),
        (("simulate", "PLAN", "--rps", "9", "--nuisance", "bursts=nan"), "whole number of errors, not nan"),
        (("simulate", "PLAN", "--rps", "9", "--nuisance", "bursts=1e400"), "whole number of errors, not inf"),
        (("simulate", "PLAN", "--rps", "9", "--requests-per-user", "nan"), "no number of requests"),
        (("plan", "check", "PLAN", "--rps", "1e12"), "below a billion a second"),
        (("replay", "PLAN"), "need a plan"),
    ],
)
def test_what_does_not_fit_is_usage(plan: Path, arguments: tuple[str, ...], words: str) -> None:
    """Exit 2, in three parts, and nothing on stdout."""
    ran = run(*(str(plan) if word == "PLAN" else word for word in arguments))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr
    assert "Next:" in ran.stderr


def test_without_a_daemon_and_without_a_traffic_it_says_how(plan: Path) -> None:
    """Exit 10, and the flag that makes it work."""
    ran = run("plan", "check", plan)
    assert ran.returncode == 10
    assert "--rps" in ran.stderr


def test_a_preview_is_forecast_and_rehearsed_as_a_stage_without_traffic(tmp_path: Path) -> None:
    """The rule for little traffic looks at the first stage that has any; a rehearsal goes through the preview."""
    file = tmp_path / "plan.toml"
    preview = '[[stage]]\nname = "preview"\nshare = "0%"\nmin_time = "1m"\nsmoke = [{ name = "ready" }]\n'
    canary = '[[stage]]\nname = "canary"\nshare = "1%"\nmax_time = "2h"\n'
    file.write_text(SPEC.replace(canary, preview))
    rates = ("--rps", "400", "--champion-errors", "0.5%", "--latency", "2%", "--json")
    checked = run("plan", "check", file, *rates)
    assert checked.returncode == 0, checked.stderr
    found = json.loads(checked.stdout)
    assert (found["decision"], found["stages"][0]["gates"], found["stages"][0]["rps"]) == ("go", [], 0.0)
    rehearsed = run("simulate", file, *rates, "--runs", "1", "--jobs", "1")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert json.loads(rehearsed.stdout)["promotion"]["odds"] == 1.0


def test_a_strategy_is_recommended_with_its_rule_for_the_record() -> None:
    """As JSON by the published schema, and in words; faster is answered with what would go unseen."""
    ran = run("plan", "recommend", "--rps", "20", "--change", "major", "--faster", "1h", "--json")
    assert ran.returncode == 0, ran.stderr
    found = Recommendation.model_validate_json(ran.stdout)
    assert (found.strategy, found.rule, found.runner_up.strategy) == ("shadow-canary", "major", "larger-first-share")
    assert found.faster is not None
    assert found.faster.hours == 1
    assert found.forecast is not None
    assert found.forecast.decides_h is not None
    assert found.forecast.decides_h.mean < found.forecast.decides_h.p90
    told = run("plan", "recommend", "--rps", "300")
    assert told.stdout.startswith("standard: 1% > 10% > 50% > 100%, 2 to 8 hours.\n  rule       standard: ")
    assert 'reason = "recommended standard by rule standard' in told.stdout
    assert "twice the errors are seen after" in told.stdout


@pytest.mark.parametrize(
    "words",
    [("recommend",), ("recommend", "x.toml", "--rps", "3"), ("check",), ("recommend", "--rps", "3", "--accept", "1"),
     ("check", "x.toml", "--at-once"), ("recommend", "--rps", "3", "--deadline", "1h")],
)  # fmt: skip
def test_what_is_no_question_is_a_usage_error(words: tuple[str, ...]) -> None:
    """A deadline is no option at all."""
    assert run("plan", *words).returncode == 2

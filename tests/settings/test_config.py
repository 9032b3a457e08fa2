"""Tests of the configuration: the defaults, the example, what tables become, and who may write the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolloutd.access import Roles
from rolloutd.core.metrics import GateKind, LabelMatch, MatchKind, Selector
from rolloutd.core.values import Role, Share, Slot
from rolloutd.ports import RouteSlot
from rolloutd.settings import Settings, SettingsError, load_settings, read_settings
from tests.settings.words import CONFIG, EXAMPLE, FULL_VOCABULARY, VOCABULARY, config

HOUR_MS = 3_600_000


@pytest.fixture
def example() -> Settings:
    """The shipped example."""
    return read_settings(EXAMPLE, "config.example.toml", FULL_VOCABULARY)


def test_the_example_equals_the_defaults(example: Settings) -> None:
    """Whatever has a default has it in the example, too: tables, and the built-in strategy with its clocks."""
    default = config("")
    for section in ("daemon", "sockets", "roles", "policy"):
        assert getattr(example, section) == getattr(default, section)
    assert example.strategies["standard"].stages == default.strategies["standard"].stages
    clocks = example.strategies["standard"].timing
    policy = default.policy
    assert (clocks.tick_ms, clocks.warm_up_ms) == (default.daemon.tick_ms, policy.warm_up_ms)
    assert clocks.window_ticks == policy.window_ticks
    assert (clocks.blind_hold_ticks, clocks.blind_recede_ticks) == (policy.blind_hold_ticks, policy.blind_recede_ticks)


def test_the_built_in_strategy_takes_two_to_eight_hours() -> None:
    """1 % → 10 % → 50 % → 100 % less the holdback, with every stage above the policy's least dwell."""
    stages = config("").strategies["standard"].stages
    assert [stage.share.basis_points for stage in stages] == [100, 1_000, 5_000, 9_900]
    assert sum(stage.min_time_ms for stage in stages) == 2 * HOUR_MS
    assert sum(stage.max_time_ms for stage in stages) == 8 * HOUR_MS
    assert {stage.min_ticks for stage in stages} == {30}


def test_a_stricter_policy_lengthens_the_built_in_strategy() -> None:
    """A longer least time than the built-in stages have is no fault of the configuration."""
    stages = config('[policy]\nmin_time = "2h"\nmin_ticks = 60\nholdback = "5%"\n').strategies["standard"].stages
    assert {(stage.min_time_ms, stage.min_ticks) for stage in stages} == {(2 * HOUR_MS, 60)}
    assert all(stage.max_time_ms >= stage.min_time_ms for stage in stages)
    assert stages[-1].share == Share(9_500)


def test_defaults_are_those_of_the_design() -> None:
    """The figures that statistics and invariants rest on."""
    policy = config("").policy
    assert (policy.alpha, policy.beta, policy.min_time_ms, policy.min_ticks) == (0.01, 0.05, 900_000, 30)
    assert (policy.warm_up_ms, policy.window_ticks) == (300_000, 30)
    assert (policy.blind_hold_ticks, policy.blind_recede_ticks, policy.holdback) == (1, 20, Share(100))


def test_routes_roles_and_adapters_become_what_the_daemon_uses() -> None:
    """Slots by slot, roles by group, adapters with their own options kept as they are."""
    settings = config(
        CONFIG + "[roles]\noperators = ['ml']\nstop_allowed_for = 'viewer'\n[routers.x]\nkind='y'\nn=[1]\n"
    )
    assert settings.routes["ranker"].slots[Slot.B] == RouteSlot("ranker-b", "http://127.0.0.1:8002/")
    assert settings.routes["ranker"].router == "edge"
    assert settings.roles == Roles((), ("ml",), (), Role.VIEWER)
    assert (settings.routers["x"].kind, settings.routers["x"].options) == ("y", {"n": [1]})


@pytest.mark.parametrize(
    ("every", "interval", "max_age_ms"), [("5s", '"15s"', 30_000), ("30s", '"15s"', 60_000), ("5s", None, 10_000)]
)
def test_a_sample_lives_two_intervals(every: str, interval: str | None, max_age_ms: int) -> None:
    """Two scrape intervals, or two readings where those are rarer."""
    line = f"scrape_interval = {interval}\n" if interval else ""
    source = config(f"[sources.s]\nkind = 'scrape'\nevery = '{every}'\n{line}").sources["s"]
    assert source.max_age_ms == max_age_ms
    assert source.for_adapter() == {"every": f"{source.every_ms}ms", "max_age": f"{max_age_ms}ms"}


def test_written_out_metrics_become_selectors(example: Settings) -> None:
    """Labels are compared with =, != and =~; a good bucket with its slo is latency, a bad counter a proportion."""
    refusals, slow = example.metrics["refusals"].template, example.metrics["slow"].template
    model = LabelMatch("model", MatchKind.EQUAL, "ranker")
    assert refusals.bad == Selector("answers_total", (model, LabelMatch("outcome", MatchKind.REGEX, "refused|empty")))
    assert (refusals.kind, refusals.arm_label, refusals.good) == (GateKind.PROPORTION, "version", None)
    assert slow.total.match == (LabelMatch("path", MatchKind.NOT_EQUAL, "/healthz"),)
    assert (slow.kind, slow.slo_ms) == (GateKind.LATENCY, 250.0)


METRIC = "[sources.s]\nkind = 'scrape'\n[metrics.m]\n"


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("template = 'haproxy.errors'\nslo = '250ms'", "template", "has no histogram of latency"),
        ("template = 'envoy.latency'", "template", "needs an slo"),
        ("template = 'envoy.erors'", "template", "Did you mean envoy.errors?"),
        ("template = 'envoy.errors'\ntotal = { series = 'x' }", "total", "Leave out the one or the other"),
        ("template = 'envoy.errors'\nsource = 't'", "source", "There is no source t."),
        ("arm_label = 'v'", "total", "This one has none"),
        ("arm_label = 'v'\ntotal = { series = 'x' }", "total", "exactly one of bad and good"),
        ("total = { series = 'x' }\nbad = { series = 'y' }", "arm_label", "in which label"),
        ("arm_label='v'\nslo='1s'\ntotal = { series = 'x' }\nbad = { series = 'y' }", "slo", "written with good"),
        ("arm_label='v'\ntotal={series='x'}\ngood={series='y',match={le='1'}}", "good", "say the bucket's bound"),
        ("arm_label='v'\ntotal={series='x',match={v='1'}}\nbad={series='y'}", "total", "is the arm's"),
        ("arm_label='v'\ntotal={series='x y'}\nbad={series='y'}", "total.series", "cannot be the name of a series"),
        ("arm_label='v'\ntotal={series='x',match={c={regex='('}}}\nbad={series='y'}", "total.match.c", "regular"),
        ("arm_label='v'\ntotal={series='x',match={c={like='z'}}}\nbad={series='y'}", "total.match.c", "compared with"),
    ],
)
def test_metrics_that_cannot_be_judged_are_refused(text: str, key: str, said: str) -> None:
    """No histogram, no arm, half a fraction, a label that cannot be: refused with the sentence that says so."""
    with pytest.raises(SettingsError) as refusal:
        config(METRIC + text)
    assert [problem.key for problem in refusal.value.problems] == [f"metrics.m.{key}"]
    assert said in refusal.value.problems[0].message


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('arm = "ranker-b"', 'arm = "ranker-a"', "routes.ranker.slots.b.arm"),
        ("127.0.0.1:8002", "127.0.0.1:8001", "routes.ranker.slots.b.probe_url"),
        ("http://127.0.0.1:8002", "ftp://127.0.0.1", "routes.ranker.slots.b.probe_url"),
        ("http://127.0.0.1:8002", "http://me:hunter2@127.0.0.1", "routes.ranker.slots.b.probe_url"),
        ("http://127.0.0.1:8002", "http://[", "routes.ranker.slots.b.probe_url"),
    ],
)
def test_slots_that_could_be_taken_for_each_other_are_refused(old: str, new: str, key: str) -> None:
    """Two slots differ in their metrics and their addresses, and an address is a plain one."""
    with pytest.raises(SettingsError) as refusal:
        config(CONFIG.replace(old, new))
    assert [problem.key for problem in refusal.value.problems] == [key]
    assert "hunter2" not in str(refusal.value)


def test_two_sources_must_be_told_apart() -> None:
    """With one source a metric need not name it, with two it must."""
    assert config().metrics["errors"].source == "scrape"
    with pytest.raises(SettingsError, match="There are 2, so it must be said"):
        config(CONFIG + "[sources.other]\nkind = 'scrape'\n")


class TestTheFile:
    """The file itself: who may write it, and what cannot be read."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """A configuration that only its owner may write."""
        file = tmp_path / "config.toml"
        file.write_text(CONFIG)
        file.chmod(0o644)
        return file

    def test_a_file_of_ones_own_is_read(self, file: Path) -> None:
        """The settings name the file, and its text by a digest."""
        settings = load_settings(file, VOCABULARY)
        assert settings == read_settings(CONFIG, str(file), VOCABULARY)
        assert len(settings.sha256) == 64

    @pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
    def test_a_file_that_others_may_write_is_refused(self, file: Path, mode: int) -> None:
        """Group or world writable: refused with the command that puts it right."""
        file.chmod(mode)
        with pytest.raises(SettingsError, match=f"Others may write this file.*chmod go-w {file}"):
            load_settings(file, VOCABULARY)

    def test_loose_modes_and_faults_are_told_together(self, file: Path) -> None:
        """The modes are one fault among the others."""
        file.write_text("[daemon]\ntcik = '9s'\n")
        file.chmod(0o666)
        with pytest.raises(SettingsError) as refusal:
            load_settings(file, VOCABULARY)
        assert [problem.line for problem in refusal.value.problems] == [None, 2]

    def test_a_file_that_others_may_replace_is_refused(self, file: Path) -> None:
        """A folder that everybody may write is as good as the file, unless it is sticky."""
        file.parent.chmod(0o777)
        with pytest.raises(SettingsError, match="Others may replace this file"):
            load_settings(file, VOCABULARY)
        file.parent.chmod(0o1777)
        assert load_settings(file, VOCABULARY).file == str(file)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_a_file_of_somebody_else_is_refused(self, file: Path) -> None:
        """Its owner could change its modes at any time."""
        os.chown(file, 12345, -1)
        with pytest.raises(SettingsError, match="belongs to user 12345"):
            load_settings(file, VOCABULARY)

    def test_what_is_not_a_text_file_is_refused(self, tmp_path: Path) -> None:
        """Absent, a folder, a pipe, bytes: refused at once, and no traffic was changed."""
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "bytes").write_bytes(b"[daemon]\ntick = '\xff'\n")
        (tmp_path / "bytes").chmod(0o600)
        (tmp_path / "long").write_text("#" * 300_000)
        (tmp_path / "long").chmod(0o600)
        for name, said in {
            "absent": "cannot be read: No such file",
            ".": "cannot be read",
            "pipe": "it is not a plain file",
            "bytes": "not UTF-8 text: line 2",
            "long": "longer than 256 KiB",
        }.items():
            with pytest.raises(SettingsError, match=said) as refusal:
                load_settings(tmp_path / name, VOCABULARY)
            assert "No traffic was changed" in str(refusal.value)


def test_settings_cannot_be_changed() -> None:
    """Neither the tree nor its tables take an assignment, and its mappings have none."""
    settings = config()
    with pytest.raises(AttributeError):
        setattr(settings, "file", "x")  # noqa: B010  # mypy knows that it cannot be written
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings.policy, "alpha", 0.2)  # noqa: B010
    for mapping in (settings.routers, settings.routes, settings.sources, settings.metrics, settings.strategies):
        assert not hasattr(mapping, "__setitem__")

"""The scenarios of ``./dev demo --scenario NAME`` as data: short plans, each with one thing that goes wrong, or none.

Only shares, rates, margins and times are theirs, and short; alpha and beta are the shipped ones.
"""

from __future__ import annotations

from bench.demo.cases import Case, Fault

_TIMING = '[timing]\nwarm_up = "2s"\nwindow_ticks = 6\n\n'


def _stage(name: str, share: str, min_time: str, more: str = "") -> str:
    times = f'min_time = "{min_time}"\nmax_time = "1m"\nmin_ticks = 8\non_undecided = "extend"'
    return f'[[stage]]\nname = "{name}"\nshare = "{share}"\n{times}\n{more}\n'


CANARY = "".join(
    [
        _TIMING,
        _stage("canary", "20%", "5s"),
        _stage("half", "50%", "5s"),
        _stage("watch", "100%", "6s", 'holdback = "20%"'),
    ]
)
_SMOKE = '[[stage.smoke]]\nname = "predicts"\npath = "/predict"\nanswer = "prediction"\nbody = "{}"'
_BLUE_GREEN = "".join(
    [
        _TIMING,
        _stage("preview", "0%", "8s", _SMOKE),  # longer than all starts together on a busy machine: it must be seen
        _stage("watch", "100%", "30s", 'holdback = "0%"'),
    ]
)
_SHADOW = "".join(
    [
        _TIMING,
        _stage("shadow", "0%", "4s", 'mirror = "100%"'),
        _stage("canary", "20%", "5s"),
        _stage("half", "50%", "5s"),
        _stage("watch", "100%", "6s", 'holdback = "20%"'),
    ]
)
_RINGS = "".join(
    [
        _TIMING,
        _stage("internal", "50%", "4s", 'segments = ["internal"]'),
        _stage("eu", "50%", "4s", 'segments = ["eu"]'),
        _stage("half", "50%", "4s"),
        _stage("watch", "100%", "4s", 'holdback = "20%"'),
    ]
)
_BAD = "".join(
    [
        _TIMING,
        _stage("canary", "20%", "4s"),
        _stage("half", "50%", "25s"),
        _stage("watch", "100%", "1m", 'holdback = "20%"'),
    ]
)
_BY = 'by = ["region"]\n'
_ORDER = ("internal", "eu", "")
_USERS = (("internal", 0.2), ("eu", 0.4), ("", 0.4))
_PARTS = (("apac", 0.05), ("eu", 0.45), ("", 0.5))
# Of few requests a segment must be judged within seconds: so many of them fail. 5 % of the users failing three times as
# often raise the average by a tenth, which is within the margin of 1.2.
_OFTEN, _OFTEN_EQUAL = (0.3, 0.25), (0.2, 0.2)
# Half of the champion's errors, so that by chance it never has more; six times as many wrong answers.
_EVER_FEWER, _WRONG = (0.06, 0.03), (0.05, 0.3)
SCENARIOS = {
    case.route: case
    for case in (
        Case("canary", Fault.NONE, "done", 10_000, stages=CANARY),
        Case("blue-green", Fault.ABORT, "aborted", 0, 10_000, 4.0, _BLUE_GREEN, (0.0, 0.0)),
        Case("shadow-then-canary", Fault.NONE, "done", 10_000, stages=_SHADOW),
        Case("late-regression", Fault.ERRORS, "rolled_back", 0, 5_000, 3.0, CANARY),
        Case(
            "rings",
            Fault.NONE,
            "done",
            10_000,
            stages=_RINGS,
            errors=_OFTEN,
            segments=_USERS,
            rings=_ORDER,
            gate=_BY,
            limit=0.9,
        ),
        Case(
            "bad-segment",
            Fault.SEGMENT,
            "isolated",
            8_000,
            5_000,
            1.0,
            _BAD,
            _OFTEN_EQUAL,
            _PARTS,
            isolated=("apac",),
            gate=_BY + 'on_segment = "isolate"\n',
            limit=0.9,
        ),
        Case(
            "delayed-labels",
            Fault.NONE,
            "rolled_back",
            0,
            stages=CANARY,
            errors=_EVER_FEWER,
            wrong=_WRONG,
        ),
        Case("metrics-outage", Fault.BLIND, "held", 0, 1, 3.0, CANARY),
    )
}

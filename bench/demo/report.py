"""What came of the rollouts, as a table for people and as JSON for scripts, and whether it is right, no more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from bench.demo.cases import MARGINS, RIPE_S, Case, Fault
from bench.demo.director import Run
from rolloutd.core.values import Slot

Counts = Mapping[str, Mapping[Slot, int]]
OwnCounts = Mapping[str, Mapping[Slot, int | None]]


def as_json(runs: Iterable[Run]) -> str:
    """One object on one line. Seconds count from the fault; null is what did not happen."""
    return json.dumps({"rollouts": [_row(run) for run in runs]})


def as_table(runs: Iterable[Run]) -> str:
    """One line a rollout."""
    head = ("", "outcome", "share", "most", "fault to FAIL", "fault to 0%", "requests")
    lines = ["{:10} {:12} {:>6} {:>6} {:>14} {:>12} {:>9}".format(*head)]
    lines += [
        f"{run.name:10} {run.outcome or '-':12} {run.now_bp / 100:5g}% {run.max_bp / 100:5g}% "
        f"{_seconds(run.fault_to_fail_s):>14} {_seconds(run.fault_to_zero_s):>12} {run.requests or 0:9,}"
        for run in runs
    ]
    return "\n".join(lines)


def total(counts: Counts) -> int:
    """All requests."""
    return sum(sum(slots.values()) for slots in counts.values())


def faults(runs: Iterable[Run], before: Counts, after: Counts) -> list[str]:
    """Sentences about what is not as it must be; ``before`` and ``after`` are Envoy's counters once all was over."""
    found: list[str] = []
    for run in runs:
        case = run.case
        if run.outcome != case.outcome:
            found.append(f"{run.name} came to {run.outcome or 'no end'}, not to {case.outcome}.")
        if run.now_bp != case.share_bp:
            found.append(f"Envoy gives {run.name}'s challenger {run.now_bp / 100:g}%, not {case.share_bp / 100:g}%.")
        found += _unseen(run)
        found += _flow(run, case, before[case.route], after[case.route])
    return found


def _unseen(run: Run) -> list[str]:
    """What should have been seen on the way."""
    found = []
    if run.max_bp == 0:
        found.append(f"Envoy never gave {run.name}'s challenger anything.")
    if run.case.fault is not Fault.NONE and run.fault is None:
        found.append(f"Nothing ever went wrong with {run.name}.")
    if run.case.fault is Fault.ERRORS and (run.fault_to_fail_s is None or run.fault_to_fail_s <= 0):
        found.append(f"{run.name} did not FAIL after its fault.")
    if run.case.fault is Fault.ABORT and run.fault_to_zero_s is None:
        found.append(f"Envoy never showed {run.name} back at 0% after the abort.")
    if run.case.segments and (run.strays or not run.rings):
        found.append(f"{run.strays} requests of {run.name} reached the challenger from segments that had no share.")
    if run.case.rings and tuple(run.rings) != run.case.rings:
        found.append(f"The segments of {run.name} got the challenger in the order {run.rings}, not {run.case.rings}.")
    if run.case.isolated and (run.cost is None or run.fault_to_fail_s is None or run.cost[1] == 0):
        found.append(f"The bad segment of {run.name} was not isolated, or it cost nobody anything.")
    if run.case.wrong is not None:
        found += _labels(run)
    if run.max_bp < run.case.fault_from_bp:
        found.append(f"{run.name} got {run.max_bp / 100:g}% at most, before anything could go wrong.")
    if run.case.fault is Fault.BY_HAND and run.put_back_s is None:
        found.append(f"The share of {run.name} was not put back.")
    return found


def _labels(run: Run) -> list[str]:
    """Whether it held until labels were ripe, and only labels spoke against it, by the servers' own counters."""
    found = []
    held_s, old, new = run.staged_to_zero_s, run.answers[run.challenger.other], run.answers[run.challenger]
    if held_s is None or held_s < RIPE_S:
        found.append(f"{run.name} went back after {held_s} s, before its labels were ripe.")
    if not run.awaited:
        found.append(f"{run.name} never said that it waits for labels.")
    if new.failed * old.requests > old.failed * new.requests:
        found.append(f"The challenger of {run.name} failed more often than the champion: {new}, {old}.")
    if new.wrong * old.answered < 2 * old.wrong * new.answered or not new.answered:
        found.append(f"The challenger of {run.name} was not plainly worse in its answers: {new}, {old}.")
    return found


def own_faults(runs: Iterable[Run], before: OwnCounts, after: OwnCounts) -> list[str]:
    """The same by the model servers' own counters, once all was over, as far as their pages are there."""
    found = []
    for run in runs:
        grew = {}
        for slot in Slot:
            then, now = before[run.case.route][slot], after[run.case.route][slot]
            grew[slot] = None if then is None or now is None else now - then
        serving = run.challenger if run.case.share_bp else run.challenger.other
        if run.case.isolated:
            continue
        if grew[serving] == 0 or grew[serving.other] not in (0, None):
            found.append(f"The servers of {run.name} say {grew}, but slot {serving} should have had all.")
        early = run.case.previewed or run.case.shadowed
        if early and (run.before_traffic != 0 or not run.tried):
            users, others = run.before_traffic, run.tried or 0
            found.append(f"Before its first share {run.name} answered {users} users, and {others} probes or copies.")
    return found


def isolation_faults(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Whether anybody who is isolated still reached the challenger once all was over."""
    return [
        f"{name}: {after[name][segment] - count} requests of {segment} reached the challenger after it was isolated."
        for name, counts in before.items()
        for segment, count in counts.items()
        if after[name][segment] != count
    ]


def _flow(run: Run, case: Case, before: Mapping[Slot, int], after: Mapping[Slot, int]) -> list[str]:
    """Whether requests go where the shares say, by Envoy's own counters."""
    grew = {slot: after[slot] - before[slot] for slot in Slot}
    if case.isolated:
        return [] if min(grew.values()) > 0 else [f"One side of {run.name} had no request at the end."]
    serving = run.challenger if case.share_bp else run.challenger.other
    if grew[serving] <= 0 or grew[serving.other] != 0:
        return [f"Requests of {run.name} went {grew[Slot.A]} to slot a and {grew[Slot.B]} to slot b at the end."]
    return []


def _row(run: Run) -> dict[str, object]:
    segments: dict[str, object] = {} if run.cost is None else {"cost_requests": run.cost[0], "cost_failed": run.cost[1]}
    if run.rings:
        segments["rings"] = run.rings
    if run.answers:
        old, new = run.answers[run.challenger.other], run.answers[run.challenger]
        segments["held_s"] = _rounded(run.staged_to_zero_s)
        segments["failed"] = [old.failed / max(old.requests, 1), new.failed / max(new.requests, 1)]
        segments["wrong"] = [old.wrong / max(old.answered, 1), new.wrong / max(new.answered, 1)]
    return {
        "name": run.name,
        "outcome": run.outcome,
        "max_share_bp": run.max_bp,
        "share_now_bp": run.now_bp,
        "fault_to_fail_s": _rounded(run.fault_to_fail_s),
        "fault_to_zero_s": _rounded(run.fault_to_zero_s),
        "alpha": run.status.get("alpha"),
        "beta": run.status.get("beta"),
        "margins": MARGINS,
        "requests": run.requests,
        **segments,  # only where there are any
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"

"""Starts the rollouts, makes things go wrong, and notes what came of it, as Envoy shows it; it judges nothing.

One turn after the other, all in one thread: look at Envoy, read what is new on record, do what is due.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.demo.cases import (
    BY_HAND_BP,
    FAULTY_ERRORS,
    SEGMENT_WORSE,
    Case,
    Fault,
    spec_text,
)
from bench.demo.eye import Answers, Sight
from bench.demo.parts import Parts, Trouble
from bench.demo.servers import Moment
from rolloutd.core.values import Slot

TURN_S = 0.1
READ_EVERY_S = 0.3


@dataclass(slots=True)
class Run:
    """One rollout and what was seen of it. Shares are the challenger's, in basis points, as Envoy shows them."""

    case: Case
    name: str
    version: str
    challenger: Slot
    first: int
    staged_s: float | None = None
    fault: Moment | None = None
    fail_unix_s: float | None = None
    zero_s: float | None = None
    was_raised: bool = False
    put_back_s: float | None = None
    max_bp: int = 0
    now_bp: int = 0
    ripe_s: float | None = None
    before_traffic: int | None = None
    tried: int | None = None
    outcome: str | None = None
    over_s: float | None = None
    requests: int | None = None
    seq: int = 0
    told_why: str = ""
    rings: list[str] = field(default_factory=list)
    strays: int = 0
    before_fault: dict[str, tuple[int, int]] = field(default_factory=dict)
    cost: tuple[int, int] | None = None
    back_s: float | None = None
    awaited: bool = False
    answers: dict[Slot, Answers] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def fault_to_fail_s(self) -> float | None:
        """From the fault to the recorded verdict."""
        return self.fail_unix_s - self.fault.unix_s if self.fault and self.fail_unix_s else None

    @property
    def staged_to_zero_s(self) -> float | None:
        """From the first look at which Envoy had the challenger at its first share to the first at zero again."""
        return self.back_s - self.staged_s if self.back_s and self.staged_s else None

    @property
    def fault_to_zero_s(self) -> float | None:
        """From the fault to the first look at which Envoy had the challenger at zero."""
        return self.zero_s - self.fault.monotonic_s if self.fault and self.zero_s else None


class Director:
    """``tell`` gets (rollout, sentence) for all that happens; ``faulty`` is the error rate of one gone wrong."""

    def __init__(self, parts: Parts, tell: Callable[[str, str], None], faulty: float = FAULTY_ERRORS) -> None:
        self._parts = parts
        self._tell = tell
        self._faulty = faulty
        self._read_at_s = 0.0
        self.runs: dict[str, Run] = {}
        self._counts = dict.fromkeys(parts.servers, 0)
        self._base = dict.fromkeys(parts.servers, Slot.A)
        self._serves = dict.fromkeys(parts.servers, "v1")

    @property
    def over(self) -> bool:
        """Whether every rollout came to where it stays."""
        return all(run.outcome is not None for run in self.runs.values())

    def isolated(self) -> dict[str, dict[str, int]]:
        """Requests that isolated segments have had of the challenger by now, by its server's own count."""
        runs = [run for run in self.runs.values() if run.case.isolated]
        return {run.name: {name: self._own(run).get(name, (0, 0))[0] for name in run.case.isolated} for run in runs}

    def begin(self, case: Case) -> None:
        """Heal the route's servers and start its next rollout, by the real command."""
        route, base = case.route, self._base[case.route]
        self._counts[route] += 1
        count, slot, servers = self._counts[route], base.other, self._parts.servers[route]
        champion, challenger = self._serves[route], f"v{count + 1}"
        switch = self._parts.backends.switch
        switch(servers[base].slot, failure_rate=case.errors[0], shows_metrics=True)
        switch(servers[slot].slot, failure_rate=case.errors[1], shows_metrics=True, version=challenger)
        name = route if count == 1 else f"{route}-{count}"
        file = self._parts.folder / f"{name}.toml"
        file.write_text(spec_text(case, name, champion, challenger), encoding="utf-8")
        first = sum(self._parts.eye.requests()[route].values())
        self._parts.rollout("start", str(file))
        self.runs[route] = Run(case, name, challenger, slot, first)

    def turn(self) -> None:
        """Look, read, act; takes some milliseconds. Raises Trouble, Failure or OSError when a part is gone."""
        self._parts.check()
        counted = self._count_previews()
        apart = {}
        for run in (run for run in self.runs.values() if run.case.segments and run.outcome is None):
            with contextlib.suppress(OSError):  # a page that is late says nothing of this turn
                apart[run.name] = self._own(run)
        sight = self._parts.eye.look()
        for run in self.runs.values():
            self._see_segments(run, sight, apart.get(run.name, {}))
            self._see(run, sight)
            if run.staged_s is None and run.name in counted:
                run.before_traffic, run.tried = counted[run.name]
            self._make_trouble(run)
        if time.monotonic() - self._read_at_s >= READ_EVERY_S:
            self._read_at_s = time.monotonic()
            for run in self.runs.values():
                if run.outcome in (None, "held"):
                    self._read(run)

    def _own(self, run: Run) -> dict[str, tuple[int, int]]:
        """What the challenger's server itself has counted by segment."""
        return self._parts.by_segment(run.case.route, run.challenger)

    def _see_segments(self, run: Run, sight: Sight, before: dict[str, tuple[int, int]]) -> None:
        """Who has the challenger for the first time, and whether anybody had it before; ``before`` is from before."""
        for segment, shares in sight.by_segment[run.case.route].items() if run.case.segments else ():
            if shares[run.challenger] > 0 and segment not in run.rings:
                run.rings.append(segment)
            if segment not in run.rings:
                run.strays += before.get(segment or "other", (0, 0))[0]

    def _see(self, run: Run, sight: Sight) -> None:
        run.now_bp = sight.most_bp(run.case.route, run.challenger)
        run.max_bp = max(run.max_bp, run.now_bp)
        if run.staged_s is None and run.now_bp > 0:
            run.staged_s = sight.monotonic_s
        if run.ripe_s is None and run.now_bp >= run.case.fault_from_bp:
            run.ripe_s = sight.monotonic_s
        if run.back_s is None and run.staged_s is not None and run.now_bp == 0:
            run.back_s = sight.monotonic_s
        if run.fault is None:
            return
        if run.zero_s is None and run.now_bp == 0 and run.case.fault is not Fault.BY_HAND:
            run.zero_s = sight.monotonic_s
        if run.case.fault is not Fault.BY_HAND or run.put_back_s is not None:
            return
        if run.was_raised and run.now_bp < BY_HAND_BP:
            run.put_back_s = sight.monotonic_s
            after_s = sight.monotonic_s - run.fault.monotonic_s
            self._tell(run.name, f"Envoy shows {run.now_bp / 100:g}% again, {after_s:.1f} s later")
        run.was_raised = run.was_raised or run.now_bp == BY_HAND_BP

    def _make_trouble(self, run: Run) -> None:
        if run.fault or run.ripe_s is None or time.monotonic() < run.ripe_s + run.case.fault_after_s:
            return
        server = self._parts.servers[run.case.route][run.challenger].slot
        switch = self._parts.backends.switch
        match run.case.fault:
            case Fault.ERRORS:
                run.fault = switch(server, failure_rate=self._faulty)
                self._tell(run.name, f"FAULT: {server} fails {self._faulty:.0%} of its requests from now on")
            case Fault.BLIND:
                run.fault = switch(server, shows_metrics=False)
                self._tell(run.name, f"FAULT: {server} shows no metrics from now on")
            case Fault.BY_HAND:
                at_s = self._parts.eye.raise_by_hand(run.case.route, run.challenger, BY_HAND_BP)
                run.fault = Moment(time.time(), at_s)
                self._see(run, self._parts.eye.look())
                self._tell(run.name, f"FAULT: somebody raises the share to {BY_HAND_BP / 100:g}% by hand in Envoy")
            case Fault.SEGMENT:
                bad = run.case.isolated[0]
                run.before_fault = self._own(run)
                run.fault = switch(server, worse={bad: SEGMENT_WORSE})
                self._tell(run.name, f"FAULT: {server} fails {SEGMENT_WORSE:g} times as often for {bad} from now on")
            case Fault.ABORT:
                run.fault = Moment(time.time(), time.monotonic())
                self._tell(run.name, "somebody presses abort")
                self._parts.rollout("abort", run.name, "--reason", "the demo's way back")
            case Fault.NONE:
                pass

    def _count_previews(self) -> dict[str, tuple[int, int | None]]:
        """What challengers without a share have had by now; it counts if a later look shows no share yet."""
        early = [run for run in self.runs.values() if run.case.previewed or run.case.shadowed]
        waiting = [run for run in early if run.staged_s is None]
        if not waiting:
            return {}
        eye, own = self._parts.eye, self._parts.served()
        return {
            run.name: (eye.users_of(run.case.route, run.challenger), own[run.case.route][run.challenger])
            for run in waiting
        }

    def _read(self, run: Run) -> None:
        """What is new on record, and whether this is where it stays. The status first: the record then has its end."""
        run.status = self._parts.client.get("rollouts", run.name)
        record = self._parts.client.get("rollouts", run.name, "timeline", since_seq=run.seq)
        for row in record["entries"]:
            run.seq = max(run.seq, row["seq"])
            if row["kind"] == "VerdictReached" and row["what"].endswith("FAIL") and run.fail_unix_s is None:
                run.fail_unix_s = datetime.fromisoformat(row["at"]).timestamp()
            self._report(run, row)
        at_zero = run.status["on_new"]["asked"] == 0 and run.now_bp == 0
        if run.case.wrong is not None:
            run.awaited = run.awaited or "wrong waits for labels" in json.dumps(run.status)
            run.answers = {slot: self._parts.judged(run.case.route, slot) for slot in Slot}
        if run.status["ended"]:
            self._conclude(run, run.status["outcome"])
        elif run.case.isolated and self._goes_on_without(run):
            self._conclude(run, "isolated")
        elif run.status["phase"].lower() == "held" and at_zero and run.staged_s is not None:
            self._conclude(run, "held")

    def _goes_on_without(self, run: Run) -> bool:
        """Whether exactly those are isolated who shall be, and the others have come to the last stage."""
        off = [row["name"] for row in run.status["segments"] if row["isolated"] and row["confirmed"]]
        stage = run.status["stage"]
        if tuple(off) != run.case.isolated or stage["index"] + 1 < stage["count"]:
            return False
        bad, then, now = run.case.isolated[0], run.before_fault, self._own(run)
        n, failed = (now[bad][at] - then.get(bad, (0, 0))[at] for at in (0, 1))
        run.cost = n, failed
        if run.outcome is None:
            self._tell(run.name, f"{bad} cost {failed} failed of {n} requests on the new version until it was isolated")
        return bool(run.status["on_new"]["confirmed_is_asked"])

    def _conclude(self, run: Run, outcome: str) -> None:
        if outcome == run.outcome:
            return
        run.outcome, run.over_s = outcome, time.monotonic()
        run.requests = sum(self._parts.eye.requests()[run.case.route].values()) - run.first
        if outcome == "done":
            self._base[run.case.route], self._serves[run.case.route] = run.challenger, run.version

    def _report(self, run: Run, row: dict[str, Any]) -> None:
        """Tell one line of the record; a reason is told once, the seals of the evidence never."""
        if row["kind"] == "EvidenceSealed":
            return
        is_new, run.told_why = row["why"] != run.told_why, row["why"]
        self._tell(run.name, f"{row['what']}: {row['why']}" if row["why"] and is_new else row["what"])

    def begin_again(self, after_s: float) -> None:
        """Start anew what ended this long ago, so that there is always something to see."""
        for run in list(self.runs.values()):
            if run.over_s is None or not run.status["ended"] or time.monotonic() - run.over_s < after_s:
                continue
            try:
                self.begin(run.case)
            except Trouble:  # the person may have reasons, such as a fleet hold; it is tried again later
                run.over_s = time.monotonic()

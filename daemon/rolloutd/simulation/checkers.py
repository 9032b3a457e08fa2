"""Judges every step against the world's own truth: ceiling, abort, intent, agreement (I1, I2, I4, I5, I6, I11).

They hear what was recorded, called, changed and asked, and know nothing of the daemon's memory. The first broken
invariant is kept in words and ends the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from rolloutd.core import events as ev
from rolloutd.core.commands import Verb
from rolloutd.core.values import ZERO, ActorKind, Share
from rolloutd.journal import CommandKey
from rolloutd.simulation.engine import CHALLENGER_SLOT, Cause, Change
from rolloutd.simulation.isolation import IsolationCheckers
from rolloutd.simulation.ledger import RAISING, Ledger, words
from rolloutd.simulation.sight import Sight, SightCheckers
from rolloutd.simulation.world import World

JUST_NOW_MS = 50
READ_BACK_MS = 8_000
WRITES_A_LOOK_MOST = 40
AT_ONCE_MS, AGAIN_MS = 500, 1_500
"""Going back is asked of the router so soon, unless the same was asked just before: then after a pause."""
RAISING_VERBS = (Verb.PROMOTE, Verb.RESUME, Verb.REAPPLY, Verb.APPROVE, Verb.PUTBACK)


class Checkers:
    """The judges of one run. ``broken`` is the first invariant that did not hold, in words."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = Ledger()
        self.sight = SightCheckers(world.scenario, self.ledger, self.fault)
        self.isolation = IsolationCheckers(world, self.ledger, self.fault)
        self.broken = ""
        self.revision_of: dict[str, tuple[Verb, int | None]] = {}
        self.raising: Callable[[], None] = lambda: None
        self._abort_acknowledged = False
        self._acknowledged: list[ev.Recorded] = []
        self._shown: deque[tuple[int, Share]] = deque([(0, ZERO)], maxlen=200)
        self._replaced: tuple[int, Share] = (0, ZERO)
        self._lost_version: int | None = None
        self._above_since_ms: int | None = None
        self._differs_since_ms: int | None = None
        self._writes = 0
        self._zero_due_ms: int | None = None
        self._zero_asked_ms = -AGAIN_MS
        self._unrecorded_ms: int | None = None
        self._causes: set[Cause] = set()
        world.engine_told = self.changed

    def fault(self, invariant: str, what: str) -> None:
        """Keep the first broken invariant."""
        if not self.broken:
            self.broken = f"{invariant}: {what}"
            self.world.trace.say(f"BROKEN {self.broken}")

    @property
    def patience_ms(self) -> int:
        """See ``World.patience_ms``."""
        return self.world.patience_ms

    # ---- what the daemon does

    def recorded(self, rows: Sequence[ev.Recorded], command: CommandKey | None) -> None:
        """Events became durable."""
        now_ms, ledger = self.world.now_ms(), self.ledger
        self._acknowledged += rows
        self._revision(rows, command)
        for row in rows:
            if row.version != ledger.version + 1 or row.epoch < ledger.epoch:
                self.fault("I5", f"event {row.version} of epoch {row.epoch} after {ledger.version} of {ledger.epoch}")
            self.world.trace.say(f"event {row.version:3d} {words(row.event)} by {row.actor.name}")
            self._share_event(row, now_ms)
            self.sight.recorded(row, now_ms)
            self.isolation.recorded(row)
            ledger.take(row, self._happened_ms(row, now_ms))

    def _happened_ms(self, row: ev.Recorded, now_ms: int) -> int:
        """When that was true which is recorded now: what was kept while the disk was full is from when it was seen.

        The daemon's own word on that counts for nothing before the router showed the share.
        """
        if not self.world.store_was_in_trouble:
            return now_ms
        at_ms = self.world.clock.true_of(row.at)
        if isinstance(row.event, ev.TrafficConfirmed):
            at_ms = max([at_ms, *(ms for ms, shown in self._shown if shown == row.event.share)])
        return min(at_ms, now_ms)

    def _share_event(self, row: ev.Recorded, now_ms: int) -> None:
        event, ledger = row.event, self.ledger
        if isinstance(event, ev.TrafficWanted):
            if event.share == ledger.wanted or event.previous != ledger.wanted:
                self.fault("I4", f"a second intent for {event.share} while {ledger.wanted} was wanted")
            if not event.share <= ledger.wanted:
                self._raised(row, event.basis.kind, f"{event.share} became wanted")
            self._replaced = (now_ms, ledger.wanted)
        elif isinstance(event, ev.RecedeStarted):
            self._unrecorded_ms = None
            again = now_ms - self._zero_asked_ms < AGAIN_MS
            # A share that is found before the checks is not ours; what a full disk kept was done long ago.
            nothing = self.world.engine.share == ZERO or not ledger.checked or self.world.store_was_in_trouble
            self._zero_due_ms = None if again or nothing else now_ms
        elif isinstance(event, ev.LeaseLapsed | ev.DriftSeen | ev.RouterRestarted):
            if event.observed == ZERO:  # a reason too: somebody else did it, and it was asserted before it was recorded
                self._unrecorded_ms = None
            self._told_apart(event)
        elif isinstance(event, ev.FinishStarted):
            self._raised(row, event.basis.kind, "finishing began")
        elif isinstance(event, ev.TrafficConfirmed) and not self._showed(event.share, now_ms):
            self.fault("I4", f"{event.share} was called confirmed, but the router never showed it lately")
        elif isinstance(event, ev.RolloutEnded) and event.outcome in (ev.Outcome.ABORTED, ev.Outcome.ROLLED_BACK):
            shown = self.world.engine.share
            by_hand = self._by_hand_lately(now_ms) or self.world.hand_ms >= self._happened_ms(row, now_ms)
            if shown != ZERO and ledger.checked and not by_hand:
                self.fault("I2", f"ended {event.outcome.value} while {shown} was on the router")

    def _told_apart(self, event: ev.LeaseLapsed | ev.DriftSeen | ev.RouterRestarted) -> None:
        """Who changed the share is not guessed: what is recorded did happen at some time in this run."""
        if isinstance(event, ev.RouterRestarted):
            happened = self.world.engine.instance > 1
        elif isinstance(event, ev.DriftSeen):
            happened = Cause.HAND in self._causes
        else:  # a lease that was due is one, whatever else took the share away first
            happened = not self._causes.isdisjoint({Cause.LAPSE, Cause.RESTART, Cause.HAND})
        if not (happened or self._rounded or self.world.nothing_kept):
            self.fault("I8", f"{type(event).__name__} is recorded, but nothing of the kind ever changed the share")

    def _raised(self, row: ev.Recorded, kind: ev.BasisKind, what: str) -> None:
        if kind not in RAISING:
            self.fault("I3", f"{what} on the ground of {kind.value}")
        if kind is ev.BasisKind.PERSON and row.actor.kind is not ActorKind.PERSON:
            self.fault("I4", f"{what} in the name of a person, by {row.actor.name}")
        if kind is ev.BasisKind.PERSON:
            self._abort_acknowledged = False
        if self._abort_acknowledged:
            self.fault("I2", f"{what} after an acknowledged abort")

    def _revision(self, rows: Sequence[ev.Recorded], command: CommandKey | None) -> None:
        """A raising command that was accepted was decided on the present revision."""
        if command is None or any(isinstance(row.event, ev.CommandRefused) for row in rows):
            return
        verb, revision = self.revision_of.get(command.id, (Verb.CLAIM, None))
        if verb in RAISING_VERBS and revision != self.ledger.version:
            self.fault("I11", f"{verb.value} decided on revision {revision} was accepted at {self.ledger.version}")

    def calling(self, slot_is_ours: bool, share: Share) -> Share:
        """The daemon begins a write of a share; returns the ceiling of this moment."""
        self._writes += 1
        if share == ZERO:
            self._asked_for_zero()
        ledger = self.ledger
        lately_ms, before = self._replaced
        lately = self.world.now_ms() - lately_ms <= JUST_NOW_MS and share == before
        # Of a ring's share a hand may have changed both ways: what it lowered stays, what it raised is taken back.
        partly = bool(share.segments or ledger.wanted.segments) and share <= ledger.wanted
        # What a hand lowered is kept; while the disk is full that may be unrecorded when the next hand raises it.
        partly |= self.world.store_was_in_trouble and share <= ledger.wanted and share <= self.world.engine.share
        if share != ZERO and (
            not slot_is_ours or (share != ledger.wanted and not lately and not partly) or ledger.ended
        ):
            self.fault("I1", f"the router is asked for {share}, but {ledger.wanted} is recorded")
        if not share <= self.world.engine.share:
            self.raising()
        lowers = share == ZERO and ledger.wanted != ZERO and self.world.engine.base is not CHALLENGER_SLOT
        if lowers and not lately:
            self._unrecorded_ms = self.world.now_ms()
            if not self.world.store_was_in_trouble:
                self.fault("I4", f"the router is asked for 0%, but {ledger.wanted} is recorded")
        return ledger.ceiling.join(before) if lately else ledger.ceiling

    def calling_base(self, slot_is_ours: bool) -> Share:
        """The daemon begins to move the base; returns the ceiling of this moment."""
        self._writes += 1
        self._asked_for_zero()
        if slot_is_ours:
            self.raising()
        if slot_is_ours and not self.ledger.finishing:
            self.fault("I1", "the challenger is made the base, but no finish is recorded")
        return self.ledger.ceiling

    def _asked_for_zero(self) -> None:
        self._zero_due_ms, self._zero_asked_ms = None, self.world.now_ms()

    def changed(self, change: Change) -> None:
        """What the challenger is given became something else."""
        now_ms, ledger, after = self.world.now_ms(), self.ledger, change.after
        self.world.trace.say(f"router {change.before} -> {after} by {change.cause.value}{self.isolation.words()}")
        self.world.flow(change.had)
        self.isolation.changed(change)
        self._causes.add(change.cause)
        if after == change.before:
            return
        self._shown.append((now_ms, after))
        if change.cause is not Cause.DAEMON:
            self._lost_version = self._lost_version if after >= change.before else ledger.version
            return
        if after <= change.before:
            return
        if not after <= change.allowed and not after <= ledger.ceiling:
            self.fault("I1", f"the daemon raised the router to {after}, above {ledger.ceiling}")
        if ledger.ended in ("aborted", "rolled_back") or (ledger.receding and ledger.zero_read_back):
            self.fault("I2", f"the router went up to {after} after zero was confirmed")
        if self._lost_version == ledger.version and ledger.settled and not ledger.finishing:
            self.fault("I8", f"a share that the router had lost was put back to {after} without a word")

    def process_started(self) -> None:
        """A new process opened the journal."""
        self.sight.process_started(self.world.now_ms())

    def kept(self, rows: Sequence[ev.Recorded]) -> None:
        """This is the journal as a new process finds it: what was acknowledged is in it, as it was."""
        if list(rows[: len(self._acknowledged)]) != self._acknowledged:
            self.fault("I13", f"not all {len(self._acknowledged)} acknowledged events are in the journal as they were")

    def answered(self, metric: str, sight: Sight, now_ms: int) -> None:
        """The source answered for a gate, and what that was worth in truth."""
        if sight is not Sight.GOOD:
            self.world.trace.say(f"answer for {metric} is {sight.value}")
        self.sight.answered(metric, sight, now_ms)

    # ---- what people are told

    def abort_acknowledged(self) -> None:
        """A person was told that the abort is accepted."""
        if self.ledger.ended != "done":
            self._abort_acknowledged = True

    def abort_refused(self, why: str) -> None:
        """An abort was refused: only one that comes after the end may be."""
        if self.ledger.live:
            self.fault("I2", f"abort was refused: {why}")

    # ---- what time shows

    def look(self) -> None:
        """Compare the router with the record. Called again and again while a process lives."""
        now_ms, ledger, shown = self.world.now_ms(), self.ledger, self.world.engine.share
        # Before the checks have passed no slot is ours, and a share that is found there is not ours to touch.
        calm = ledger.checked and now_ms - self.world.disturbed_ms > self.patience_ms
        self._above_since_ms = self._since(not shown <= ledger.ceiling, self._above_since_ms)
        as_wanted = shown == ledger.wanted or shown in ledger.may_show
        equal = as_wanted or ledger.ended != "" or (ledger.not_obeyed and self._rounded)
        self._differs_since_ms = self._since(not equal, self._differs_since_ms)
        if calm and not ledger.ended and self._too_long(self._above_since_ms):
            self.fault("I1", f"the router has shown {shown}, above {ledger.ceiling}, for more than two ticks")
        if calm and not self.world.raising_stopped and self._too_long(self._differs_since_ms):
            self.fault("I6", f"the router has shown {shown}, not {ledger.wanted}, for more than two ticks")
        if calm and self._too_long(self._unrecorded_ms) and not self.world.nothing_kept:
            self.fault("I4", "the share was taken to zero before the record, and no reason has been recorded since")
        self._look_for_zero(now_ms, shown)
        if self._writes > WRITES_A_LOOK_MOST:
            self.fault("I12", f"{self._writes} writes to the router within half a tick")
        self._writes = 0
        self.isolation.look(now_ms, calm=calm)
        self.sight.look(now_ms, shown, self.world.disturbed_ms)

    def _look_for_zero(self, now_ms: int, shown: Share) -> None:
        """Going back does not wait for the next tick, unless something kept the daemon from it."""
        due_ms = self._zero_due_ms
        if due_ms is None or shown == ZERO or self.world.disturbed_ms >= due_ms:
            self._zero_due_ms = None
        elif now_ms - due_ms > AT_ONCE_MS:
            self.fault("I2", f"going back is recorded since {now_ms - due_ms} ms, and the router has not been asked")

    @property
    def _rounded(self) -> bool:
        return self.world.scenario.finest_step_bp > 1

    def _since(self, holds: bool, since_ms: int | None) -> int | None:
        if not holds:
            return None
        return self.world.now_ms() if since_ms is None else since_ms

    def _too_long(self, since_ms: int | None) -> bool:
        return since_ms is not None and self.world.now_ms() - since_ms > self.patience_ms

    def _showed(self, share: Share, now_ms: int) -> bool:
        """Whether the router showed this share at some instant that a read-back can have seen."""
        until_ms = now_ms
        for at_ms, shown in reversed(self._shown):
            if shown == share:
                return True
            if until_ms < now_ms - READ_BACK_MS:
                return False
            until_ms = at_ms
        return False

    def _by_hand_lately(self, now_ms: int) -> bool:
        return now_ms - self.world.hand_ms <= self.patience_ms


__all__ = ["CHALLENGER_SLOT", "Checkers"]

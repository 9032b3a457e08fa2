"""A journal with a long life behind it, written quickly but with the real chain; and the daemon's start on it.

``python -m bench.rig.longlife FOLDER`` starts as daemon.py does, without routers, and says how many rollouts live.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from rolloutd import sql
from rolloutd.chain import GENESIS, entry, number
from rolloutd.clock import BoottimeClock
from rolloutd.core import events as ev
from rolloutd.core.metrics import GateKind, MetricTemplate, Selector
from rolloutd.core.plan import Gate, Plan, Spec, Stage
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import THE_DAEMON, Instant, Share, Slot
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.journal_sqlite import MIGRATIONS, SqliteJournal
from rolloutd.keeper import EvidenceKeeper
from rolloutd.loop import Birth, Loop, Notice
from rolloutd.snapshots import Recall, SqliteSnapshots
from rolloutd.spill import SpillFile
from rolloutd.store import Store

LIVE, ENDED = 100, 400
_AT = Instant(1_000, 1_700_000_000_000)


def write(folder: Path, events: int) -> None:
    """So many events in so many rollouts, one stream after the other."""
    asyncio.run(SqliteJournal.open(folder / "journal.db").close())
    each = events // (LIVE + ENDED)
    store = Store(folder / "journal.db", "FULL", MIGRATIONS)
    with closing(store.connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        seq, link = 0, GENESIS
        for count in range(LIVE + ENDED):
            new = entry(list(_life(count, each)), _AT, THE_DAEMON, 1, "")
            rows, _ = number(new, f"rollout-{count}", 0, seq, link)
            connection.executemany(sql.INSERT_EVENT, [(*linked.row, linked.hash) for linked in rows])
            seq, link = rows[-1].row.seq, rows[-1].hash
        connection.execute(sql.MOVE_HEAD, (seq, link))
        connection.execute("COMMIT")


def _life(count: int, events: int) -> Iterator[ev.Event]:
    """A rollout's events; the first hundred go on living."""
    yield ev.RolloutRequested(_spec(count))
    yield ev.PreflightPassed(Slot.A, "1")
    yield ev.StageEntered(0)
    why = ev.Basis(ev.BasisKind.VERDICT, "all checks before traffic passed")
    yield ev.TrafficWanted(Share(100), Share(0), why)
    yield ev.TrafficConfirmed(Share(100), "1", 12)
    for tick in range(events - 10):
        yield ev.EvidenceSealed(30 * tick, f"{tick:064x}")
    if count < LIVE:
        return
    yield ev.RecedeStarted(ev.RecedeCause.HARM, "errors shows harm", "errors")
    yield ev.TrafficWanted(Share(0), Share(100), ev.Basis(ev.BasisKind.HARM, "errors shows harm"))
    yield ev.TrafficConfirmed(Share(0), "1", 3)
    yield ev.RolloutEnded(ev.Outcome.ROLLED_BACK, "errors shows harm")


def _spec(count: int) -> Spec:
    template = MetricTemplate("errors", GateKind.PROPORTION, "slot", Selector("total"), bad=Selector("bad"))
    gate = Gate("errors", "proxy", template, 20_000, 10_000, Margin.ratio(1.0), Margin.ratio(1.5), limit=0.05)
    hour_ms = 3_600_000
    shares = (Share(100), Share(1_000), Share(5_000), Share(9_900))
    stages = tuple(Stage(f"s{n}", share, hour_ms, 4 * hour_ms) for n, share in enumerate(shares))
    return Spec(f"rollout-{count}", f"model-{count}", "v1", "v2", f"route-{count}", Plan("standard", stages, (gate,)))


class _Names:
    """No configuration."""

    def arms(self, route: str) -> dict[Slot, str]:
        """The slots' own names."""
        return {slot: slot.value for slot in Slot}

    def lease(self, route: str) -> int | None:
        """None."""
        return None

    def sticky(self, route: str) -> bool:
        """No."""
        return False


async def start(folder: Path) -> Loop:
    """The start, as daemon.py does it, up to the first reconcile."""
    journal = SqliteJournal.open(folder / "journal.db")
    evidence = SqliteEvidence.open(folder / "evidence.db")
    snapshots = SqliteSnapshots.open(folder / "snapshots.db")
    loop = Loop(
        journal=journal,
        keeper=EvidenceKeeper(evidence),
        clock=BoottimeClock(),
        world=_Names(),
        birth=Birth(2),
        spill=SpillFile(folder / "spill.jsonl"),
        watcher=Notice(),
        recall=Recall(journal, snapshots),
    )
    await loop.restore()
    await snapshots.close()
    await evidence.close()
    await journal.close()
    return loop


async def snap(folder: Path) -> None:
    """Keep a snapshot of every rollout, as the daemon does a few at a time."""
    journal = SqliteJournal.open(folder / "journal.db")
    snapshots = SqliteSnapshots.open(folder / "snapshots.db")
    recall = Recall(journal, snapshots)
    rollouts = [recalled.rollout async for recalled in recall.all()]
    for _ in range(LIVE + ENDED):
        await recall.keep(rollouts)
    await snapshots.close()
    await journal.close()


async def verified(folder: Path) -> int:
    """The whole chain checked; how many events. Raises RuntimeError for one that does not hold."""
    journal = SqliteJournal.open(folder / "journal.db", read_only=True)
    report = await journal.verify()
    await journal.close()
    if not report.intact:
        raise RuntimeError(report.detail)
    return report.checked


if __name__ == "__main__":
    began = asyncio.run(start(Path(sys.argv[1])))
    print(f"{len(began.lanes)} live, {len(began.ended)} ended")

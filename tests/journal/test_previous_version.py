"""What version 0.1.0 left behind is read by this one: journals whole, rollouts as they were, evidence too (I14).

``data/0.1.0.tar.xz`` holds four state folders that its daemon wrote against real proxies and then left.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from rolloutd.core.fold import fold
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import Share
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.keeper import EvidenceKeeper

DATA = Path(__file__).parent / "data" / "0.1.0.tar.xz"


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folders, private as the store wants them."""
    folder = Path(tmp_path_factory.mktemp("previous"))
    with tarfile.open(DATA) as archive:
        archive.extractall(folder, filter="data")
    for place in folder.iterdir():
        place.chmod(0o700)
    return folder


async def rollouts(place: Path) -> dict[str, Rollout]:
    """Every rollout of a journal whose chain is whole."""
    journal = SqliteJournal.open(place / "journal.db")
    try:
        assert (await journal.verify()).intact
        found = {stream: fold(await journal.load(stream)) for stream in await journal.streams()}
    finally:
        await journal.close()
    return {name: rollout for name, rollout in found.items() if rollout is not None}


@pytest.mark.parametrize(
    ("place", "phases", "shares"),
    [
        ("finished", [Phase.DONE, Phase.DONE], [10_000, 10_000]),
        ("held", [Phase.RUNNING], [1_000]),
        ("live", [Phase.RUNNING], [1_000]),
        ("rolled-back", [Phase.ROLLED_BACK], [0]),
    ],
)
async def test_its_rollouts_are_what_they_were(
    states: Path, place: str, phases: list[Phase], shares: list[int]
) -> None:
    """Phase and confirmed share come out of the old events as they went in."""
    found = (await rollouts(states / place)).values()
    assert [rollout.phase for rollout in found] == phases
    assert [rollout.traffic.confirmed for rollout in found] == [Share(points) for points in shares]


@pytest.mark.parametrize("place", ["held", "live"])
async def test_the_evidence_of_a_live_rollout_goes_on(states: Path, place: str) -> None:
    """A daemon that is upgraded in the middle of a stage starts, and knows the ticks that were counted."""
    (rollout,) = (await rollouts(states / place)).values()
    store = SqliteEvidence.open(states / place / "evidence.db")
    try:
        known = await EvidenceKeeper(store).load(rollout.name)
    finally:
        await store.close()
    assert all(evidence.tick > 0 for evidence in known.values())
    assert set(known) == {gate.metric for gate in rollout.spec.plan.gates}

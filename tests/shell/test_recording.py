"""What the daemon kept of a rollout replays to the evidence that it had, through the interface's own words."""

from __future__ import annotations

import json
from pathlib import Path

from rolloutd.core.values import Slot
from rolloutd.keeper import EvidenceKeeper
from rolloutd.recording import recording_of
from rolloutd.rehearsal.offline import replay_recording
from rolloutd.wire_plan import Recording
from tests.shell.rig import Rig


async def test_a_recording_of_a_rollout_replays_to_its_evidence(tmp_path: Path) -> None:
    """As JSON over the socket and back: the same requests, and the same plan's first share."""
    rig = Rig(tmp_path)
    name = await rig.start()
    for _ in range(12):
        for slot, requests in ((Slot.A, 990), (Slot.B, 10)):
            rig.world.n[slot] += requests
        await rig.feed(name)
    lane = rig.loop.lanes[name]
    recording = await recording_of(lane.rollout, EvidenceKeeper(rig.evidence))
    sent = json.loads(recording.model_dump_json(by_alias=True))
    assert Recording.model_validate(sent) == recording
    told = replay_recording(sent, None, None)
    assert told["ticks"] == sum(known.tick for known in lane.evidence.values())
    assert told["share"] == lane.rollout.traffic.confirmed.fraction
    for metric, known in lane.evidence.items():
        counted = sum(row["challenger_n"] for row in sent["gates"][metric])
        assert counted == known.total_sum.challenger_n > 0
        assert told["gates"][metric]["challenger"][1] <= counted
    assert [event["kind"] for event in told["events"]][:3] == ["RolloutRequested", "PreflightPassed", "StageEntered"]

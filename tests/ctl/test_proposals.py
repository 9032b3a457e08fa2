"""What is proposed, on the command line: listed with what to press, and approved by the revision that was looked at."""

from __future__ import annotations

import json

from rolloutd.wire_proposals import Proposed
from tests.ctl.running import rollout
from tests.server.fake_service import NOW
from tests.server.running import Running

V43 = Proposed(
    name="ranker", model="ranker", route="ranker", champion="v41", challenger="v43", strategy="standard",
    rule="Enough traffic.", forecast="At 400 requests a second 1% takes 2h.", registry="models", at=NOW, revision=5,
)  # fmt: skip


async def test_a_list_shows_it_above_the_rollouts(server: Running) -> None:
    """With versions, rule and forecast; nothing of it where nothing is proposed."""
    assert "PROPOSED" not in (await rollout(server.directory, "list")).out
    server.service.proposals = [V43]
    shown = (await rollout(server.directory, "list")).out.splitlines()
    assert shown[0] == (
        "PROPOSED ranker v41 > v43 on ranker by standard: rollout approve ranker, or rollout decline ranker"
    )
    assert shown[1] == "  Enough traffic. At 400 requests a second 1% takes 2h."
    found = json.loads((await rollout(server.directory, "list", "--json")).out)
    assert found["proposals"][0]["revision"] == 5


async def test_an_approval_names_the_revision_of_the_proposal(server: Running) -> None:
    """Not that of a rollout; whoever cannot confirm says --yes."""
    server.service.proposals = [V43]
    unsure = await rollout(server.directory, "approve", "ranker")
    assert (unsure.code, server.service.acts) == (2, [])
    await rollout(server.directory, "approve", "ranker", "--yes")
    assert server.service.acts[0][1].revision == 5

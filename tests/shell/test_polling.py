"""The poller: a source whose adapter has a fault blinds those who ask it, and ends nothing."""

from __future__ import annotations

from pathlib import Path

from rolloutd.core.metrics import Answer, BlindReason, Question
from rolloutd.polling import Poller
from rolloutd.ports import MetricSource
from tests.shell.rig import Rig


class Faulty:
    """A source whose adapter does what no port allows."""

    name = "proxy"

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """Raise."""
        raise OverflowError("token=s3cret")

    async def close(self) -> None:
        """Nothing is open."""


async def test_an_adapters_fault_blinds_its_gates_and_ends_nothing(tmp_path: Path) -> None:
    """I3, I7, I15: it was taken for a broken daemon, which stopped; what stands in the error is not shown."""
    rig = Rig(tmp_path)
    name = await rig.start()
    gates = rig.loop.lanes[name].rollout.spec.plan.gates
    (source,) = {gate.source for gate in gates}
    faulty: dict[str, MetricSource] = {source: Faulty()}
    await Poller(rig.loop, faulty, {source: 1_000}, rig.clock).poll(source)
    blind = rig.loop.lanes[name].evidence[gates[0].metric].blind
    assert blind is not None
    assert blind.reason is BlindReason.BAD_ANSWER
    assert "its adapter broke (OverflowError)" in blind.detail
    assert "s3cret" not in blind.detail

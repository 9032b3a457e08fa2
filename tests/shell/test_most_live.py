"""The limit of live rollouts on its way from the file to the loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rolloutd.core.commands import Refused, Start
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.values import Slot
from rolloutd.daemon import Daemon
from rolloutd.main import make_outside, spec_reader, vocabulary
from rolloutd.ports import RouteConfig, RouteSlot
from rolloutd.settings import read_settings
from tests.core.playbook import OPERATOR, a_spec
from tests.e2e.paper import Config
from tests.shell.rig import Rig


async def test_the_files_limit_is_the_loops(tmp_path: Path) -> None:
    """What [policy] says is what the daemon's loop goes by."""
    slots = {slot: RouteSlot(f"ranker-{slot}", f"http://127.0.0.1:1/{slot}") for slot in Slot}
    config = Config('kind = "memory"', 'kind = "memory"', "python.errors", policy="max_concurrent = 3")
    text = config.text(tmp_path, {"ranker": RouteConfig("ranker", "edge", slots)})
    settings = read_settings(text, "config.toml", vocabulary())
    daemon = await Daemon.open(tmp_path / "state", make_outside(settings), spec_reader(settings))
    assert daemon.loop.standing.rules.limits.live == 3
    await daemon.close()


async def test_the_loop_refuses_one_more(tmp_path: Path) -> None:
    """A second start on another route is refused while the first is live, and accepted once it has ended."""
    rig = Rig(tmp_path)
    rig.loop.rule(Rules(limits=Limits(1)))
    first = await rig.start()
    other = replace(a_spec(), name="other", model="other", route="other")
    assert isinstance(await rig.loop.start(Start(other, OPERATOR), None), Refused)
    await rig.abort(first)
    await rig.until(lambda: first in rig.loop.ended)
    assert not isinstance(await rig.loop.start(Start(other, OPERATOR), None), Refused)

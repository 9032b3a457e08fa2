"""What a registry refuses of one rollout holds up no other: each is told what can be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rollout_adapters.registries.memory import MemoryRegistry
from rolloutd.ports import RegistryRefused
from rolloutd.registering import Registering
from tests.core.playbook import Playbook, a_spec
from tests.shell.rig import Rig


class Choosy(MemoryRegistry):
    """Takes no tags of one model."""

    async def set_tags(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Refuse, or take them."""
        if model == "refused":
            raise RegistryRefused("Its tags are not taken.")
        await super().set_tags(model, version, tags)


async def test_a_refusal_holds_up_no_other(tmp_path: Path) -> None:
    """I16: the first one is refused for good; the second has its tags all the same, and the reason is returned."""
    registry, rig = Choosy(), Rig(tmp_path)
    for model in ("refused", "taken"):
        spec = replace(a_spec(), name=f"{model}-v42", model=model, registry="models")
        registry.add(model, spec.challenger)
        rig.loop.lanes[spec.name] = Playbook(spec).run(8).lane

    async def look(_name: str, _registered: object) -> None:
        """There is nothing to look for."""

    refused = await Registering(rig.loop, {}, look, rig.clock).tell("models", registry)
    assert refused == "refused-v42: Its tags are not taken."
    assert registry.versions["taken", a_spec().challenger].tags != {}

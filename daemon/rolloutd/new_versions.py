"""Finds versions that ask to be rolled out (a tag in the registry): starts or proposes them; no rule is spared.

One at a time for each route: the newest that asks. Its name is the rollout's, so none is ever started twice.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from rolloutd.core.commands import Refused
from rolloutd.core.registry_wish import CHAMPION
from rolloutd.core.values import THE_DAEMON, Actor
from rolloutd.ports import ModelVersion, RouteConfig
from rolloutd.proposing import Candidate
from rolloutd.registering import Registered
from rolloutd.settings.spec_file import sanitised

START, PROPOSE = "start", "propose"
LOOKED_AT = 20
log = logging.getLogger("rolloutd.new_versions")
Starter = Callable[[Mapping[str, object], Actor, str, bool], Awaitable[object]]


def watched(routes: Mapping[str, RouteConfig], registries: Mapping[str, Registered]) -> frozenset[tuple[str, str]]:
    """The routes that versions may ask for, each with its registry."""
    asked = {name for name, registered in registries.items() if registered.start_tag}
    return frozenset((route.name, route.registry) for route in routes.values() if route.registry in asked)


class NewVersions:
    """What registries are asked for beside being told. ``known`` says whether there is a rollout of that name."""

    def __init__(
        self,
        routes: Mapping[str, RouteConfig],
        start: Starter,
        known: Callable[[str], bool],
        propose: Callable[[Candidate], Awaitable[None]],
    ) -> None:
        self._routes = routes
        self._propose = propose
        self._start = start
        self._known = known
        self._refused: dict[str, str] = {}

    async def look(self, name: str, registered: Registered) -> None:
        """Look at each route's model once. Raises RegistryError."""
        for route in self._routes.values() if registered.start_tag else ():
            if route.registry == name:
                await self._look_at(route, registered)

    async def _look_at(self, route: RouteConfig, registered: Registered) -> None:
        newest = await registered.registry.newest(route.model, LOOKED_AT)
        tag = registered.start_tag
        asking = next((version for version in newest if version.tags.get(tag) in (START, PROPOSE)), None)
        if asking is not None and not asking.ready:
            return
        champion = await registered.registry.alias(route.model, CHAMPION)
        proposed = asking.version if asking is not None and asking.tags[tag] == PROPOSE else ""
        await self._propose(Candidate(route, proposed, champion or ""))
        if asking is None or proposed:
            return
        rollout = sanitised(f"{route.model}-{asking.version}")
        if self._known(rollout) or champion is None or champion == asking.version:
            return
        await self._begin(route, asking, champion, rollout)

    async def _begin(self, route: RouteConfig, asking: ModelVersion, champion: str, rollout: str) -> None:
        """Start it. A refusal is told to the log once, and asked about again at the next look."""
        spec = {
            "rollout": {
                "name": rollout,
                "model": route.model,
                "champion": champion,
                "challenger": asking.version,
                "route": route.name,
                "reason": f"version {asking.version} asks for it by its tag in the registry",
            }
        }
        key = f"registry/{route.registry}/{rollout}"
        answer = await self._start({"spec": spec, "file": f"registry {route.registry}"}, THE_DAEMON, key, False)
        if not isinstance(answer, Refused):
            log.info("a new version starts", extra={"rollout": rollout})
        elif self._refused.get(rollout) != answer.message:
            self._refused[rollout] = answer.message
            log.warning("a new version does not start", extra={"rollout": rollout, "why": answer.message})

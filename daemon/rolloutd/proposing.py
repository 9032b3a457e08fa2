"""Puts versions that ask for it before people, with the recommended strategy and a forecast; it starts nothing.

It is side work of a registry's own task: nobody waits for it (I16). What a person makes of a proposal is the desk's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from rolloutd.choosing import Choosing
from rolloutd.core.commands import Act, Refused
from rolloutd.core.outside_events import ProposalClosed, VersionProposed
from rolloutd.core.plan import Spec
from rolloutd.core.proposals import Asked, Closing, is_new, overtaken
from rolloutd.core.values import THE_DAEMON
from rolloutd.holding import FleetHolding
from rolloutd.journal import JournalError
from rolloutd.ports import RouteConfig
from rolloutd.risk_questions import Asked as Questions
from rolloutd.settings.problems import SettingsError
from rolloutd.settings.spec_file import sanitised

log = logging.getLogger("rolloutd.proposing")
REASON_MAX = 480
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that asks on a route, and what the registry has for champion there."""

    route: RouteConfig
    version: str = ""
    champion: str = ""

    @property
    def name(self) -> str:
        """The name of its rollout, empty where nothing asks or could follow."""
        follows = self.version and self.champion and self.version != self.champion
        return sanitised(f"{self.route.model}-{self.version}") if follows else ""


class Proposing:
    """Keeps the open proposals as the registries say. ``known`` says whether there is a rollout of that name."""

    def __init__(self, holding: FleetHolding, choosing: Choosing, known: Callable[[str], bool]) -> None:
        self._holding = holding
        self._choosing = choosing
        self._known = known
        self._refused: dict[str, str] = {}

    async def look(self, candidate: Candidate) -> None:
        """Close what no longer stands on this route, and propose what is new. Raises JournalError."""
        asked = Asked(candidate.route.name, candidate.name, candidate.champion, candidate.version)
        async with self._holding.answering:
            for closed in overtaken(self._holding.proposals, asked, self._known):
                await self._holding.note(closed, THE_DAEMON)
        if candidate.name and is_new(self._holding.proposals, candidate.name, candidate.version, self._known):
            await self._propose(candidate)

    async def _propose(self, candidate: Candidate) -> None:
        try:
            proposed = await self._worked_out(candidate)
        except SettingsError as error:
            if self._refused.get(candidate.name) != error.what:
                self._refused[candidate.name] = error.what
                log.warning("a version cannot be proposed", extra={"rollout": candidate.name, "why": error.what})
            return
        await self._holding.note(proposed, THE_DAEMON)
        log.info("a version is proposed", extra={"rollout": candidate.name, "strategy": proposed.strategy})

    async def _worked_out(self, candidate: Candidate) -> VersionProposed:
        """Measure, ask the rules, and say what the first stage would take. Raises SettingsError."""
        route, foreteller = candidate.route, self._choosing.foreteller
        says = VersionProposed(
            candidate.name, route.registry, route.model, route.name, candidate.champion, candidate.version,
            "", "", "",
        )  # fmt: skip
        standard = foreteller.read_spec(body_of(says, ""))
        strategy, rule = await self._recommended(standard)
        spec = foreteller.read_spec(body_of(says, strategy)) if strategy else standard
        ruling, _ = await foreteller.foretell(spec)
        return VersionProposed(
            says.name, says.registry, says.model, says.route, says.champion, says.challenger,
            spec.plan.strategy, rule, ruling.sentence,
        )  # fmt: skip

    async def _recommended(self, standard: Spec) -> tuple[str, str]:
        """The strategy to name (empty: the standard one) and the rule; without traffic none is chosen."""
        metric = standard.plan.gates[0].metric
        advice = await self._choosing.advise(Questions(standard.route, metric))
        if isinstance(advice, Refused):
            return "", f"the standard strategy: {advice.message}"
        if advice.recommendation is None:
            why = "; ".join(advice.warnings) or "the traffic could not be measured"
            return "", f"the standard strategy, for nothing could be recommended: {why}"
        rule = advice.recommendation.reason
        if not advice.strategy:
            return "", f"{rule} {advice.carried_out}".strip()
        return ("" if advice.strategy == standard.plan.strategy else advice.strategy), rule


async def close_forsaken(holding: FleetHolding, watched: Collection[tuple[str, str]]) -> None:
    """Close what waits on a route that no registry is asked about any more; ``watched`` are route and registry."""
    async with holding.answering:
        for one in holding.proposals.open:
            if (one.says.route, one.says.registry) in watched:
                continue
            why = f"registry {one.says.registry} is not asked for versions of route {one.says.route} any more"
            try:
                await holding.note(ProposalClosed(one.name, Closing.OUTDATED, why), THE_DAEMON)
            except JournalError as error:  # the next start closes it; a yes to it is refused by its missing route
                log.warning("a forsaken proposal stays open", extra={"rollout": one.name, "why": str(error)})
                return


def body_of(says: VersionProposed, strategy: str, accepted: Act | None = None) -> Body:
    """The request that starts what is proposed; ``accepted`` is the yes that it starts by."""
    who = f"accepted by {accepted.actor.name}" if accepted else "proposed"
    why = accepted.reason if accepted else ""
    told = (f"version {says.challenger} asks for it in registry {says.registry}", who, why, says.rule)
    rollout: dict[str, object] = {
        "name": says.name,
        "model": says.model,
        "champion": says.champion,
        "challenger": says.challenger,
        "route": says.route,
        "reason": "; ".join(filter(None, told))[:REASON_MAX],
    }
    if strategy:
        rollout["strategy"] = strategy
    return {"spec": {"rollout": rollout}, "file": f"registry {says.registry}"}

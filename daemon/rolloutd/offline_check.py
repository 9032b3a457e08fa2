"""Compares two versions on paper, figures or signatures: reads both and lets the core judge. It moves nothing."""

from __future__ import annotations

import asyncio

from rolloutd.core.offline import OfflineRule, compare
from rolloutd.core.signature import fits
from rolloutd.ports import Case, CheckFinding, Registry, RegistryRefused, RegistryUnreachable


class OfflineExaminer:
    """One rule on one registry. A registry that does not answer is asked again; a version that is not there is a no."""

    def __init__(self, registry: Registry, rule: OfflineRule) -> None:
        self._registry = registry
        self._rule = rule

    async def examine(self, case: Case) -> CheckFinding:
        """Both versions with their metrics, at once."""
        try:
            champion, challenger = await asyncio.gather(
                self._registry.version(case.model, case.champion), self._registry.version(case.model, case.challenger)
            )
        except RegistryRefused as error:
            return CheckFinding(answered=True, passed=False, detail=str(error))
        except RegistryUnreachable as error:
            return CheckFinding(answered=False, passed=False, detail=str(error))
        return compare(self._rule, champion, challenger)

    async def close(self) -> None:
        """The registry is somebody else's to close."""


class SchemaExaminer:
    """What both versions take and give. A registry that does not answer is asked again; no signature is a no."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def examine(self, case: Case) -> CheckFinding:
        """Both signatures, at once."""
        try:
            champion, challenger = await asyncio.gather(
                self._registry.signature(case.model, case.champion),
                self._registry.signature(case.model, case.challenger),
            )
        except RegistryRefused as error:
            return CheckFinding(answered=True, passed=False, detail=str(error))
        except RegistryUnreachable as error:
            return CheckFinding(answered=False, passed=False, detail=str(error))
        return fits(champion, challenger)

    async def close(self) -> None:
        """The registry is somebody else's to close."""

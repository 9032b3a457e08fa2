"""A model registry in memory, with faults on demand: for tests and demonstrations. Nothing outlives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rollout_adapters.options import AdapterOptions, check_options
from rolloutd.ports import ModelVersion, OfflineMetric, RegistryRefused, RegistryUnreachable, Signature


class MemoryOptions(AdapterOptions):
    """There is nothing to say."""


def make(name: str, options: Mapping[str, object]) -> MemoryRegistry:
    """An empty registry. Raises BadOption for any option."""
    check_options(MemoryOptions, options, f"Registry {name} (memory)")
    return MemoryRegistry()


class MemoryRegistry:
    """Versions by model and name. While ``away`` it answers nothing; ``calls`` counts what was asked."""

    def __init__(self) -> None:
        self.away = False
        self.calls = 0
        self.versions: dict[tuple[str, str], ModelVersion] = {}
        self.aliases: dict[tuple[str, str], str] = {}
        self.signatures: dict[tuple[str, str], Signature] = {}

    def add(self, model: str, version: str, *metrics: OfflineMetric, tags: Mapping[str, str] | None = None) -> None:
        """A version that is ready, newer than all before."""
        made = ModelVersion(
            model,
            version,
            True,
            "READY",
            f"memory:/{model}/{version}",
            len(self.versions) + 1,
            (),
            dict(tags or {}),
            metrics,
        )
        self.versions[model, version] = made

    def _asked(self) -> None:
        self.calls += 1
        if self.away:
            raise RegistryUnreachable("The registry is away.")

    def _found(self, model: str, version: str) -> ModelVersion:
        self._asked()
        try:
            found = self.versions[model, version]
        except KeyError:
            raise RegistryRefused(f"There is no version {version} of {model}.") from None
        mine = tuple(alias for (of, alias), at in self.aliases.items() if (of, at) == (model, version))
        return replace(found, aliases=mine)

    async def version(self, model: str, version: str) -> ModelVersion:
        """One version."""
        return self._found(model, version)

    async def newest(self, model: str, most: int) -> tuple[ModelVersion, ...]:
        """The last added first."""
        self._asked()
        mine = [version for (of, _), version in self.versions.items() if of == model]
        return tuple(sorted(mine, key=lambda version: -version.created_ms)[:most])

    async def signature(self, model: str, version: str) -> Signature | None:
        """As it was set."""
        self._found(model, version)
        return self.signatures.get((model, version))

    async def alias(self, model: str, alias: str) -> str | None:
        """Where it points."""
        self._asked()
        return self.aliases.get((model, alias))

    async def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Point it, or take it away."""
        if version is None:
            self._asked()
            self.aliases.pop((model, alias), None)
        else:
            self._found(model, version)
            self.aliases[model, alias] = version

    async def set_tags(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Over those of the same names."""
        found = self._found(model, version)
        self.versions[model, version] = replace(found, tags={**found.tags, **tags})

    async def check(self) -> None:
        """Whether it is there."""
        self._asked()

    async def close(self) -> None:
        """Nothing is open."""

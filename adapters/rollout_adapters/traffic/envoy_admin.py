"""Speaks Envoy's admin port: what it runs, its runtime layer, its complaints about route files. It decides nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from rollout_adapters.traffic.envoy_routes import Json
from rolloutd.ports import RouterBadAnswer, RouterDenied, RouterRefused, RouterUnreachable

_CALL_WITHIN_S = 1.5
_CONNECTIONS = 128


@dataclass(frozen=True, slots=True)
class InForce:
    """The route configuration that Envoy runs, and the version it says that has."""

    version: str
    config: Json

    @property
    def generation(self) -> int:
        """The version as our counting generation; 0 for one that somebody else wrote."""
        return int(self.version) if re.fullmatch(r"\d{1,18}", self.version) else 0


class EnvoyAdmin:
    """One admin port, at ``url``. ``route_config`` is the name of the route configuration that we own.

    The pool is never the reason to wait: it holds more connections than calls are ever under way.
    """

    def __init__(self, url: str, route_config: str) -> None:
        self._url = url
        self._route_config = route_config
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=4)
        self._http = httpx.AsyncClient(base_url=url, timeout=_CALL_WITHIN_S, limits=limits, trust_env=False)
        self._rejected = rf"/stats?filter=rds\.{re.escape(route_config)}\.update_(rejected|failure)$"

    async def in_force(self) -> InForce:
        """The route configuration that requests meet now."""
        for item in await self._configs("/config_dump?resource=dynamic_route_configs"):
            config = item.get("route_config", {})
            if config.get("name") == self._route_config:
                return InForce(str(item.get("version_info", "")), config)
        raise RouterBadAnswer(
            f"Envoy runs no route configuration {self._route_config!r} from a file; requests may be answered 404.",
            "Look at the listener's rds.route_config_name, and whether the route file is there.",
        )

    async def runtime(self) -> dict[str, str]:
        """The runtime values that are set, by key."""
        body = _json(await self._call("GET", "/runtime"))
        entries = body.get("entries")
        if not isinstance(entries, dict):
            raise RouterBadAnswer("Envoy's /runtime says nothing of its entries.")
        return {key: str(entry.get("final_value", "")) for key, entry in entries.items()}

    async def set_runtime(self, values: Mapping[str, str]) -> None:
        """Set runtime values, in force at once; an empty one is removed. They are lost when Envoy ends."""
        answer = await self._call("POST", "/runtime_modify", params=dict(values))
        if answer.text.strip() != "OK":
            raise RouterRefused(
                f"Envoy refused a runtime override: {answer.text.strip()[:200]}",
                "Give its bootstrap a layered_runtime with an admin_layer.",
            )

    async def started(self) -> str:
        """When this process of Envoy read its bootstrap, to the millisecond: another one after a restart."""
        for item in await self._configs("/config_dump?mask=last_updated"):
            if str(item.get("@type", "")).endswith(".BootstrapConfigDump") and item.get("last_updated"):
                return str(item["last_updated"])
        raise RouterBadAnswer("Envoy does not say when it started, so its restarts cannot be told.")

    async def rejections(self) -> int:
        """How many route files Envoy has not taken over since it started."""
        answer = await self._call("GET", self._rejected)
        try:
            return sum(int(row.rpartition(": ")[2]) for row in answer.text.splitlines() if row.strip())
        except ValueError:
            raise RouterBadAnswer(f"Envoy's counters are not numbers: {answer.text[:200]!r}") from None

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _configs(self, path: str) -> list[Json]:
        configs = _json(await self._call("GET", path)).get("configs", [])
        if not isinstance(configs, list):
            raise RouterBadAnswer(f"Envoy's answer to {path} has no list of configs.")
        return [config for config in configs if isinstance(config, dict)]

    async def _call(self, method: str, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, params=params)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise RouterUnreachable(
                f"Envoy's admin port {self._url} does not answer ({why}); Envoy splits as it last did, and has no "
                "lease that would end.",
                "See that Envoy runs and that its admin address is this one.",
            ) from error
        if answer.status_code in (401, 403):
            raise RouterDenied(f"Envoy's admin port answers {path} with status {answer.status_code}.")
        if answer.status_code != 200:
            raise RouterRefused(f"Envoy's admin port answers {path} with status {answer.status_code}.")
        return answer


def _json(answer: httpx.Response) -> Json:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RouterBadAnswer(f"Envoy's admin port answered {answer.text[:120]!r} where JSON belongs.")
    return body

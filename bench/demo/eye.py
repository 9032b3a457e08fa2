"""Looks at Envoy's own admin port, past the daemon and its adapter: shares and counters as they are; changes nothing.

The one exception is ``raise_by_hand``, which does what a person with a shell could do.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from rolloutd.core.values import FULL_BP, Slot

_ANSWER_WITHIN_S = 5.0
_OF_SEGMENT = re.compile(r'^predictions_total\{.*region="(.*)",code="(.*)"\} (\d+)$', re.MULTILINE)
_COUNTERS = "/stats?filter=upstream_rq_completed$"


@dataclass(frozen=True, slots=True)
class Sight:
    """What Envoy showed at ``monotonic_s``: each route's share in basis points, by slot.

    Where users are told apart, that is the share of the rest; ``by_segment`` has them all, the rest without a name.
    """

    monotonic_s: float
    shares_bp: Mapping[str, Mapping[Slot, int]]
    by_segment: Mapping[str, Mapping[str, Mapping[Slot, int]]]

    def most_bp(self, route: str, slot: Slot) -> int:
        """What the segment with most of this slot has of it."""
        return max(shares[slot] for shares in self.by_segment[route].values())


class Eye:
    """One Envoy's admin port. Raises OSError when it does not answer."""

    def __init__(self, admin_url: str, arms: Mapping[str, Mapping[Slot, str]]) -> None:
        self._admin_url = admin_url
        self._arms = arms

    def look(self) -> Sight:
        """The split that requests meet now: weights of the routes in force, overridden by the runtime."""
        runtime = {key: entry["final_value"] for key, entry in self._json("/runtime")["entries"].items()}
        shares: dict[str, dict[str, dict[Slot, int]]] = {}
        for entry in self._entries():
            keys, written = _keys(entry), entry["route"]["weighted_clusters"]["clusters"]
            weights = {one["name"]: int(runtime.get(keys[one["name"]], one.get("weight", 0))) for one in written}
            segment = entry["metadata"]["filter_metadata"]["rolloutd"].get("segment", "")
            route = entry["name"].removesuffix(f"-{segment}") if segment else entry["name"]
            total, arms = sum(weights.values()), self._arms[route]
            found = {slot: round(weights[arm] * FULL_BP / total) for slot, arm in arms.items()}
            shares.setdefault(route, {})[segment] = found
        return Sight(time.monotonic(), {route: found[""] for route, found in shares.items()}, shares)

    def requests(self) -> dict[str, dict[Slot, int]]:
        """Requests answered so far, by route and slot."""
        count = {}
        for line in self._get(_COUNTERS).splitlines():
            name, _, value = line.partition(": ")
            count[name.removeprefix("cluster.").removesuffix(".upstream_rq_completed")] = int(value)
        return {route: {slot: count.get(arm, 0) for slot, arm in arms.items()} for route, arms in self._arms.items()}

    def users_of(self, route: str, slot: Slot) -> int:
        """Requests of users that a slot answered so far; copies are not among them, nobody gets their answers."""
        name = self._arms[route][slot]
        rows = self._get(f"/stats?filter=cluster.{name}.external.upstream_rq_completed$").splitlines()
        return sum(int(line.partition(": ")[2]) for line in rows)

    def failed(self, route: str) -> int:
        """Requests of a route that ended with 5xx, Envoy's own among them, and those that met no upstream."""
        names = "|".join(self._arms[route].values())
        rows = self._get(f"/stats?filter=cluster.({names}).(upstream_rq_5xx|upstream_rq_pending_overflow)$")
        return sum(int(line.partition(": ")[2]) for line in rows.splitlines())

    def raise_by_hand(self, route: str, slot: Slot, share_bp: int) -> float:
        """Give the slot a share by runtime overrides; returns when that was in force, on the monotonic clock."""
        weights = {slot: share_bp, slot.other: FULL_BP - share_bp}
        keys = next(_keys(entry) for entry in self._entries() if entry["name"] == route)
        values = {keys[self._arms[route][arm]]: str(weight) for arm, weight in weights.items()}
        self._get(f"/runtime_modify?{urlencode(values)}", method="POST")
        return time.monotonic()

    def _entries(self) -> list[dict[str, Any]]:
        configs = self._json("/config_dump?resource=dynamic_route_configs")["configs"]
        hosts = [host for config in configs for host in config["route_config"]["virtual_hosts"]]
        return [entry for host in hosts for entry in host["routes"]]

    def _json(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._get(path))
        return found

    def _get(self, path: str, method: str = "GET") -> str:
        request = urllib.request.Request(self._admin_url + path, method=method)
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:
            return str(answer.read().decode())


def own_count(page_url: str) -> int | None:
    """The requests that a model server itself has counted; None where its page is away."""
    try:
        with urllib.request.urlopen(page_url, timeout=_ANSWER_WITHIN_S) as answer:
            lines = str(answer.read().decode()).splitlines()
    except urllib.error.HTTPError:
        return None
    return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith("http_requests_total{"))


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model server's answers came to: all requests, failed ones, answers, and wrong ones among these."""

    requests: int
    failed: int
    answered: int
    wrong: int


def own_answers(page_url: str) -> Answers:
    """What a model server itself has counted of its answers. Raises OSError where its page is away."""
    with urllib.request.urlopen(page_url, timeout=_ANSWER_WITHIN_S) as answer:
        lines = [line.rpartition(" ") for line in str(answer.read().decode()).splitlines()]

    def count(name: str, also: str = "") -> int:
        return sum(int(value) for series, _, value in lines if series.startswith(name + "{") and also in series)

    requests, failed = count("http_requests_total"), count("http_requests_total", 'code="500"')
    return Answers(requests, failed, count("answers_total"), count("answers_wrong_total"))


def own_segments(page_url: str) -> dict[str, tuple[int, int]]:
    """The requests and the failed ones that a model server itself has counted, by segment."""
    with urllib.request.urlopen(page_url, timeout=_ANSWER_WITHIN_S) as answer:
        text = str(answer.read().decode())
    found: dict[str, tuple[int, int]] = {}
    for segment, code, count in _OF_SEGMENT.findall(text):
        n, bad = found.get(segment, (0, 0))
        found[segment] = n + int(count), bad + int(count) * (code == "500")
    return found


def _keys(entry: dict[str, Any]) -> dict[str, str]:
    """The runtime key that overrides the weight of each of a route entry's clusters."""
    weighted = entry["route"]["weighted_clusters"]
    return {cluster["name"]: f"{weighted['runtime_key_prefix']}.{cluster['name']}" for cluster in weighted["clusters"]}

"""Speaks to an MLflow tracking server over its REST interface: versions, their offline metrics, aliases and tags.

Every answer is read whole and within bounds, or it is an error: half an answer is none. MLflow 3 keeps results of an
evaluation on the logged model, with the data set's digest; older ones stand on the run. Both are read.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any  # what json makes of an answer

import httpx
from pydantic import Field, SecretStr

from rollout_adapters.options import AdapterOptions, BadOption, check_options
from rollout_adapters.registries import mlmodel
from rolloutd.ports import ModelVersion, OfflineMetric, RegistryRefused, RegistryUnreachable, Signature

BASE, FILES = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
ANSWER_MAX_BYTES = 8 * 1024 * 1024
TAG_MAX_CHARS = 5_000
NOTE_LASTS_S = 300
_LOGGED = "models:/m-"
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})


class MlflowOptions(AdapterOptions):
    """``url`` is the server; ``token`` a bearer token, or ``user`` and ``password``.

    ``webhook_secret`` is what its webhooks are signed with. ``prefix`` is what our versions have before MLflow's
    number: with "v", v42 is its version 42. ``deadline_s`` is for one question with all that belongs to it.
    """

    url: str = Field(pattern=r"^https?://[^@\s]+$", max_length=500)
    prefix: str = Field("v", max_length=20)
    token: SecretStr | None = None
    user: str | None = None
    password: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    deadline_s: float = Field(10.0, gt=0, le=60)


def make(name: str, options: Mapping[str, object]) -> Mlflow:
    """A registry on the server at ``url``. Raises BadOption."""
    owner = f"Registry {name} (mlflow)"
    read = check_options(MlflowOptions, options, owner)
    if (read.user is None) != (read.password is None):
        raise BadOption(f"{owner} needs user and password, or neither.", "user")
    return Mlflow(read)


class Mlflow:
    """One server. It keeps connections open between questions."""

    def __init__(self, options: MlflowOptions) -> None:
        self._prefix = options.prefix
        self._deadline_s = options.deadline_s
        self._hook = options.webhook_secret.get_secret_value().encode() if options.webhook_secret else b""
        self._place = httpx.URL(options.url).host
        headers = {"authorization": f"Bearer {options.token.get_secret_value()}"} if options.token else {}
        auth = None
        if options.user is not None and options.password is not None:
            auth = httpx.BasicAuth(options.user, options.password.get_secret_value())
        self._client = httpx.AsyncClient(
            base_url=options.url.rstrip("/"), headers=headers, auth=auth, follow_redirects=False, trust_env=False,
            timeout=options.deadline_s,
        )  # fmt: skip

    async def version(self, model: str, version: str) -> ModelVersion:
        """The version, then the metrics of its run and of its logged model."""
        query = {"name": model, "version": self._theirs(version)}
        async with self._deadline():
            found = self._made(await self._ask("GET", "/model-versions/get", query=query), "model_version")
            metrics: list[OfflineMetric] = []
            if run_id := found.get("run_id"):
                run = self._made(await self._ask("GET", "/runs/get", query={"run_id": run_id}), "run")
                metrics += _metrics(run)
            if (source := str(found.get("source") or "")).startswith(_LOGGED):
                logged = await self._ask("GET", f"/logged-models/{source.removeprefix('models:/')}")
                metrics += _metrics(self._made(logged, "model"))
        return self._ours(found, metrics)

    async def newest(self, model: str, most: int) -> tuple[ModelVersion, ...]:
        """By the time of their creation. The search names neither aliases nor metrics."""
        quoted = model.replace("'", "''")
        query = {"filter": f"name='{quoted}'", "order_by": "creation_timestamp DESC", "max_results": str(most)}
        async with self._deadline():
            answer = await self._ask("GET", "/model-versions/search", query=query)
        found = answer.get("model_versions", [])
        if not isinstance(found, list) or not all(isinstance(version, dict) for version in found):
            raise RegistryUnreachable(f"MLflow at {self._place} answered something that is no list of versions.")
        return tuple(self._ours(version, []) for version in found)

    async def signature(self, model: str, version: str) -> Signature | None:
        """From the MLmodel file of its logged model, or of its run."""
        query = {"name": model, "version": self._theirs(version)}
        async with self._deadline():
            found = self._made(await self._ask("GET", "/model-versions/get", query=query), "model_version")
            source = str(found.get("source") or "")
            if not source.startswith(_LOGGED):
                return None
            place = f"{FILES}/logged-models/{source.removeprefix('models:/')}/artifacts/files"
            raw, status = await self._fetch("GET", place, {"artifact_file_path": "MLmodel"}, None)
        if status in (400, 404):
            return None
        if status != 200:
            raise RegistryUnreachable(f"MLflow at {self._place} answered with status {status}.")
        return mlmodel.signature(raw.decode("utf-8", "replace"))

    async def alias(self, model: str, alias: str) -> str | None:
        """MLflow says of an alias that is not there that the parameter is invalid."""
        async with self._deadline():
            query = {"name": model, "alias": alias}
            answer = await self._ask("GET", "/registered-models/alias", query=query, absent_is_none=True)
        return None if not answer else self._named(self._made(answer, "model_version").get("version"))

    async def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Set it, or take it away; whether it is so, the caller reads back."""
        body = {"name": model, "alias": alias}
        async with self._deadline():
            if version is None:
                await self._ask("DELETE", "/registered-models/alias", body=body, absent_is_none=True)
            else:
                await self._ask("POST", "/registered-models/alias", body={**body, "version": self._theirs(version)})

    async def set_tags(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """One after the other; MLflow takes one at a time."""
        async with self._deadline():
            for key, value in tags.items():
                body = {"name": model, "version": self._theirs(version), "key": key, "value": value[:TAG_MAX_CHARS]}
                await self._ask("POST", "/model-versions/set-tag", body=body)

    async def check(self) -> None:
        """Its health page."""
        async with self._deadline():
            try:
                async with self._client.stream("GET", "/health") as answer:  # its body says nothing; it is not read
                    status = answer.status_code
            except (httpx.HTTPError, OSError) as error:
                raise self._unreachable(error) from None
        if status != 200:
            raise RegistryUnreachable(f"MLflow at {self._place} answered with status {status}.")

    @property
    def has_secret(self) -> bool:
        """Whether webhooks can be told from what anybody may send."""
        return bool(self._hook)

    def genuine(self, headers: Mapping[str, str], body: bytes, wall_ms: int) -> str | None:
        """``v1,`` and the HMAC-SHA256 of id, time and body; a time five minutes off is a replay."""
        note, at = headers.get("x-mlflow-delivery-id", ""), headers.get("x-mlflow-timestamp", "")
        signed = hmac.new(self._hook, f"{note}.{at}.".encode() + body, hashlib.sha256).digest()
        right = "v1," + base64.b64encode(signed).decode()
        given = headers.get("x-mlflow-signature", "")
        if not self._hook or not note or not hmac.compare_digest(right.encode(), given.encode("utf-8", "replace")):
            return None
        return note if abs(wall_ms / 1000 - _whole(at)) <= NOTE_LASTS_S else None

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def _deadline(self) -> AbstractAsyncContextManager[None]:
        return _deadline(self._deadline_s, self._place)

    async def _ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None, absent_is_none: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """One question. Raises RegistryRefused or RegistryUnreachable; an absent thing may be an empty answer."""
        raw, status = await self._fetch(method, BASE + path, query, body)
        said = _json(raw)
        code = str(said.get("error_code", ""))
        if status == 200 and not code:
            return said
        if absent_is_none and status in (400, 404) and code in _ABSENT:
            return {}
        why = " ".join(str(said.get("message") or raw[:200].decode("utf-8", "replace")).split())[:200]
        if status in (400, 404) and code:
            raise RegistryRefused(f"MLflow at {self._place} says: {why}")
        hint = " (it answers only hosts that its --allowed-hosts names)" if status == 403 and "Host" in why else ""
        raise RegistryUnreachable(f"MLflow at {self._place} answered with status {status}{hint}: {why}")

    async def _fetch(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, str] | None
    ) -> tuple[bytes, int]:
        """The whole answer and its status. Raises RegistryUnreachable."""
        raw = b""
        try:
            async with self._client.stream(method, path, params=query, json=body) as answer:
                async for chunk in answer.aiter_bytes():
                    raw += chunk
                    if len(raw) > ANSWER_MAX_BYTES:
                        raise RegistryUnreachable(f"MLflow at {self._place} answered more than can be right.")
                return raw, answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> RegistryUnreachable:
        return RegistryUnreachable(f"MLflow at {self._place} cannot be asked: {str(error) or type(error).__name__}.")

    def _made(self, answer: Mapping[str, Any], key: str) -> dict[str, Any]:
        found = answer.get(key)
        if not isinstance(found, dict):
            raise RegistryUnreachable(f"MLflow at {self._place} answered without {key}.")
        return found

    def _theirs(self, version: str) -> str:
        return version.removeprefix(self._prefix) if self._prefix else version

    def _named(self, version: object) -> str:
        return f"{self._prefix}{version}"

    def _ours(self, found: Mapping[str, Any], metrics: list[OfflineMetric]) -> ModelVersion:
        tags = {
            str(t["key"]): str(t.get("value", "")) for t in _list(found, "tags") if isinstance(t, dict) and "key" in t
        }
        status = str(found.get("status", "UNKNOWN"))
        return ModelVersion(
            model=str(found.get("name", "")),
            version=self._named(found.get("version")),
            ready=status == "READY",
            status=status,
            source=str(found.get("source") or ""),
            created_ms=_whole(found.get("creation_timestamp")),
            aliases=tuple(map(str, _list(found, "aliases"))),
            tags=tags,
            metrics=tuple(metrics),
        )


@asynccontextmanager
async def _deadline(seconds: float, place: str) -> AsyncIterator[None]:
    """A total deadline whose end is the registry's silence."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise RegistryUnreachable(f"MLflow at {place} did not answer within {seconds:g} s.") from None


def _json(raw: bytes) -> dict[str, Any]:
    try:
        said = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _list(holder: Mapping[str, Any], key: str) -> list[Any]:
    """What should be a list; whatever else is there holds nothing."""
    found = holder.get(key)
    return found if isinstance(found, list) else []


def _metrics(holder: Mapping[str, Any]) -> list[OfflineMetric]:
    """The figures of a run or of a logged model."""
    data = holder.get("data")
    found = _list(data, "metrics") if isinstance(data, dict) else []
    return [
        OfflineMetric(
            str(metric["key"]),
            _number(metric.get("value")),
            str(metric.get("dataset_name") or ""),
            str(metric.get("dataset_digest") or ""),
            _whole(metric.get("timestamp")),
        )
        for metric in found
        if isinstance(metric, dict) and "key" in metric
    ]


def _number(value: object) -> float:
    """A figure; what is none is not a number, which no comparison passes."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0

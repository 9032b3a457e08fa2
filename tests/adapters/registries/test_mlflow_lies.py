"""What no MLflow says, or a broken one: each answer becomes a value or the registry's own error, never a fault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from math import isnan

import pytest

from rollout_adapters.registries import mlflow
from rolloutd.ports import ModelVersion, RegistryError
from tests.engines.faulty_http import FaultyHTTP

FOUND: dict[str, object] = {"name": "ranker", "version": "42", "status": "READY", "run_id": "r1"}


@pytest.fixture
async def server() -> AsyncIterator[FaultyHTTP]:
    """Something that answers as an MLflow does."""
    async with FaultyHTTP(content_type="application/json") as faulty:
        yield faulty


async def version(server: FaultyHTTP, found: dict[str, object], metrics: object = ()) -> ModelVersion:
    """Version 42 of a model, as this server tells of it."""

    def body(head: str) -> bytes:
        run = {"run": {"data": {"metrics": metrics}}}
        return json.dumps({"model_version": {**FOUND, **found}} if "model-versions" in head else run).encode()

    server.body_for = body
    registry = mlflow.make("models", {"url": server.url})
    try:
        return await registry.version("ranker", "v42")
    finally:
        await registry.close()


@pytest.mark.parametrize("key", ["tags", "aliases"])
@pytest.mark.parametrize("value", [None, 7, {}])
async def test_what_is_no_list_holds_nothing(server: FaultyHTTP, key: str, value: object) -> None:
    """I3: no tag and no alias is made up."""
    told = await version(server, {key: value})
    assert (told.tags, told.aliases) == ({}, ())


@pytest.mark.parametrize("value", [None, 7, {}])
async def test_metrics_that_are_no_list_are_none(server: FaultyHTTP, value: object) -> None:
    """I3: no figure, which no comparison passes."""
    assert (await version(server, {}, value)).metrics == ()


@pytest.mark.parametrize("value", [10**400, "much", None, [1]])
async def test_a_figure_that_is_none_is_not_a_number(server: FaultyHTTP, value: object) -> None:
    """I3: also one of 401 digits."""
    (metric,) = (await version(server, {}, [{"key": "auc", "value": value}])).metrics
    assert isnan(metric.value)


async def test_an_address_that_is_none_is_the_registrys_error(server: FaultyHTTP) -> None:
    """A source with a zero byte in it cannot be asked for."""
    with pytest.raises(RegistryError):
        await version(server, {"source": "models:/m-\x00a"})


async def test_an_endless_health_page_is_not_read(server: FaultyHTTP) -> None:
    """I12: its status says all."""
    server.body = b"x" * (64 << 20)
    registry = mlflow.make("models", {"url": server.url})
    await registry.check()
    await registry.close()
    assert server.sent_bytes < 32 << 20

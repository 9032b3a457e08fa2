"""A real MLflow server beside a real Envoy: from a new version to its end, aliases last, also over SIGKILLs in between.

One server for the whole session: it takes many seconds to start.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from math import isnan
from pathlib import Path

import pytest

from rollout_adapters.options import BadOption
from rollout_adapters.registries.mlflow import Mlflow, make
from rolloutd.core.offline import OfflineRule, compare
from rolloutd.core.signature import fits
from rolloutd.core.values import ZERO, Slot
from rolloutd.offline_check import SchemaExaminer
from rolloutd.ports import Case, RegistryRefused, RegistryUnreachable
from rolloutd.registering import Registered, Registering
from tests.e2e.sites import Site, envoy_site
from tests.engines.envoy import Envoy
from tests.engines.mlflow import MlflowServer
from tests.engines.processes import free_port, until, wait_until
from tests.programs import needs
from tests.shell.rig import Rig

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("demo")]
RATE = 300.0
PLAN = """
[registries.models]
kind = "mlflow"
url = "{url}"
every = "300ms"
start_tag = "rollout"
[checks.offline]
kind = "offline"
registry = "models"
metric = "auc"
margin = 0.01
[strategies.quick]
[[strategies.quick.stage]]
name = "canary"
share = "10%"
min_time = "1s"
max_time = "10m"
min_ticks = 1
[[strategies.quick.stage]]
name = "watch"
share = "100%"
min_time = "1s"
max_time = "10m"
min_ticks = 1
holdback = "20%"
[[strategies.quick.gate]]
metric = "errors"
limit = "40%"
harm = {{ ratio = 1.0 }}
accept = {{ difference = "20pp" }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """The one server."""
    with MlflowServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
async def registry(server: MlflowServer) -> AsyncIterator[Mlflow]:
    """Our side of it."""
    made = make("models", {"url": server.url})
    yield made
    await made.close()


async def test_a_version_comes_with_the_metrics_of_its_run_and_of_its_logged_model(
    server: MlflowServer, registry: Mlflow
) -> None:
    """Data set and digest are there, and the core compares two of them; the newest come first."""
    server.model("contract")
    first, second = (
        server.version("contract", auc=0.8),
        server.version("contract", auc=0.795, tags={"rollout": "start"}),
    )
    old, new = await registry.version("contract", f"v{first}"), await registry.version("contract", f"v{second}")
    assert (old.version, old.ready, old.model) == ("v1", True, "contract")
    figures = {metric.name: metric for metric in old.metrics}
    assert (figures["auc"].value, figures["auc"].dataset, figures["auc"].digest) == (0.8, "test", "d1")
    assert not isnan(figures["loss"].value)
    assert new.tags["rollout"] == "start"
    assert compare(OfflineRule("auc", margin=0.01), old, new).passed
    assert not compare(OfflineRule("auc", margin=0.001), old, new).passed
    newest = await registry.newest("contract", 5)
    assert [version.version for version in newest] == ["v2", "v1"]
    assert newest[0].tags["rollout"] == "start"


MODEL_FILE = """
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
inputs = [ColSpec("double", "age"), ColSpec("string", "the user's own name", required=False), ColSpec("long", "user")]
print(Model(signature=ModelSignature(Schema(inputs), Schema([ColSpec("double", "score")]))).to_yaml())
"""


async def test_a_signature_that_mlflow_wrote_is_compared(server: MlflowServer, registry: Mlflow) -> None:
    """By its own writer, through its server; a version that has none is no pass (I3), nor is a changed type."""
    python = Path(needs("mlflow")).with_name("python")
    text = subprocess.run([python, "-c", MODEL_FILE], capture_output=True, text=True, check=True).stdout
    server.model("signed")
    texts = (text, text.replace('"type": "long"', '"type": "string"'), "")
    versions = [f"v{server.version('signed', auc=0.8, mlmodel=one)}" for one in texts]
    champion, changed, without = [await registry.signature("signed", version) for version in versions]
    assert champion is not None
    assert sorted(champion.inputs) == ["age", "the user's own name", "user"]
    assert fits(champion, champion).passed
    assert fits(champion, changed).detail == "input user is string, and was long"
    assert without is None
    examiner = SchemaExaminer(registry)
    asked = Case("r", "signed", versions[0], versions[1], "route", Slot.B)
    found = [await examiner.examine(replace(asked, challenger=version)) for version in versions]
    assert [(one.answered, one.passed) for one in found] == [(True, True), (True, False), (True, False)]


async def test_aliases_move_and_go_and_what_is_not_there_is_told(server: MlflowServer, registry: Mlflow) -> None:
    """An alias that is not there is none; a version or a model that is not there is a no, and not a silence."""
    server.model("aliases")
    for _ in range(2):
        server.version("aliases", auc=0.8)
    assert await registry.alias("aliases", "champion") is None
    await registry.set_alias("aliases", "champion", "v1")
    await registry.set_alias("aliases", "champion", "v2")
    assert (await registry.alias("aliases", "champion"), server.aliases("aliases")) == ("v2", {"champion": "2"})
    assert (await registry.version("aliases", "v2")).aliases == ("champion",)
    await registry.set_alias("aliases", "champion", None)
    await registry.set_alias("aliases", "champion", None)
    assert server.aliases("aliases") == {}
    await registry.set_tags("aliases", "v2", {"rollout.id": "x", "rollout.reason": "y" * 9_000})
    assert server.tags("aliases", "2")["rollout.reason"] == "y" * 5_000
    for model, version in (("aliases", "v9"), ("nobody", "v1"), ("aliases", "vx'--")):
        with pytest.raises(RegistryRefused):
            await registry.version(model, version)
    assert await registry.newest("nobo'dy", 3) == ()


async def test_a_server_that_is_not_there_is_a_silence(server: MlflowServer) -> None:
    """Nothing is known then; a wrong address or half a log-in is refused at once."""
    gone = make("models", {"url": f"http://127.0.0.1:{free_port()}"})
    for question in (gone.version("x", "v1"), gone.alias("x", "champion"), gone.check()):
        with pytest.raises(RegistryUnreachable):
            await question
    await gone.close()
    there = make("models", {"url": server.url})
    await there.check()
    await there.close()
    for options in ({}, {"url": "http://me:secret@127.0.0.1/"}, {"url": server.url, "user": "me"}):
        with pytest.raises(BadOption):
            make("models", options)


async def test_a_real_webhook_wakes_the_look(server: MlflowServer, tmp_path: Path) -> None:
    """The look comes every ten minutes, and at once when the server says that there is a version (I16)."""
    port, model, looks = free_port(), f"h-{tmp_path.name}", 0
    made = make("models", {"url": server.url, "webhook_secret": "s3cret"})

    async def look(_name: str, _registered: Registered) -> None:
        nonlocal looks
        looks += 1

    rig = Rig(tmp_path)
    registering = Registering(rig.loop, {"models": Registered(made, 600_000, "", port)}, look, rig.clock)
    registering.start()
    server.model(model)
    server.webhook(f"http://127.0.0.1:{port}", "s3cret")
    await until(lambda: looks >= 1, "the first look", 60.0)
    await asyncio.to_thread(server.version, model, auc=0.8)
    await until(lambda: looks >= 2, "the look that a webhook wakes", 120.0)
    await registering.stop()
    await made.close()


@pytest.fixture
def site(tmp_path: Path, server: MlflowServer) -> Iterator[Site[Envoy]]:
    """A site whose route's model is in the registry; a new version that asks for it is rolled out by itself."""
    model = f"m-{tmp_path.name}"
    server.model(model)
    with envoy_site(tmp_path, failure_rate=0.02, policy='default_strategy = "quick"\nchecks = ["offline"]') as site:
        text = site.house.file.read_text().replace(
            'router = "edge"\n', f'router = "edge"\nregistry = "models"\nmodel = "{model}"\n', 1
        )
        site.house.file.write_text(text + PLAN.format(url=server.url))
        server.version(model, auc=0.8)
        server.point(model, "champion", "1")
        yield site


def model_of(site: Site[Envoy]) -> str:
    """The model's name in the registry."""
    return f"m-{site.house.folder.name}"


async def rolled_out(site: Site[Envoy], server: MlflowServer, *, auc: float, die_at: str, end: str) -> str:
    """A new version asks for its rollout; the daemon dies at this place, another one takes over; returns its name."""
    house, model = site.house, model_of(site)
    await asyncio.to_thread(house.start, **({"ROLLOUTD_CRASH_AT": die_at} if die_at else {}))
    server.version(model, auc=auc, tags={"rollout": "start"})
    name = f"{model}-v2"
    async with site.load(RATE):
        if die_at:
            await asyncio.to_thread(wait_until, lambda: not house.program.running, f"its death at {die_at}", 90.0)
            assert server.aliases(model)["champion"] == ("2" if (die_at, end) == ("P17:2", "done") else "1")
            await asyncio.to_thread(house.start)
        await asyncio.to_thread(house.wait, name, end)
        await asyncio.to_thread(
            wait_until, lambda: "RegistryTold" in house.kinds(name), "the registry to be told", 30.0
        )
    return name


@pytest.mark.parametrize("die_at", ["", "P16:2", "P17:2"])
async def test_from_a_new_version_to_done_with_the_alias_moved(
    site: Site[Envoy], server: MlflowServer, die_at: str
) -> None:
    """Tag, checks, traffic, base, and the alias last (I4, I6, I16); also over a SIGKILL between the two."""
    name = await rolled_out(site, server, auc=0.81, die_at=die_at, end="done")
    model, house = model_of(site), site.house
    assert (await site.read()).base is Slot.B
    assert server.aliases(model) == {"champion": "2"}
    tags = server.tags(model, "2")
    assert (tags["rollout.id"], tags["rollout.outcome"], tags["rollout.champion"]) == (name, "done", "v1")
    assert "offline passed: auc 0.81 against the champion's 0.8 on test d1" in tags["rollout.checks"]
    assert house.kinds(name).count("RegistryTold") == 1
    revision = house.status(name)["revision"]
    await asyncio.to_thread(house.act, name, "rollback", revision=revision, reason="the old one after all")
    await asyncio.to_thread(house.wait, name, "rolled_back")
    await asyncio.to_thread(wait_until, lambda: server.aliases(model) == {"champion": "1"}, "the alias put back", 30.0)


async def test_a_proposed_version_waits_for_a_yes(site: Site[Envoy], server: MlflowServer) -> None:
    """I1, I4: listed with rule and forecast and without traffic; by the command line's yes it is a start like any."""
    house, name = site.house, f"{model_of(site)}-v2"
    await asyncio.to_thread(house.start)
    server.version(model_of(site), auc=0.81, tags={"rollout": "propose"})

    def proposed() -> list[str]:
        return [one["name"] for one in house.client.get("rollouts")["proposals"]]

    async with site.load(RATE):
        await asyncio.to_thread(wait_until, lambda: proposed() == [name], "the proposal", 60.0)
        assert (await site.share(), house.client.get("rollouts")["total"]) == (ZERO, 0)
        assert f"PROPOSED {name} v1 > v2 on ranker by quick" in (await asyncio.to_thread(house.ctl, "list")).stdout
        done = await asyncio.to_thread(house.ctl, "approve", name, "--yes", "--reason", "its figures are good")
        assert done.returncode == 0, done.stdout + done.stderr
        found = await asyncio.to_thread(house.wait, name, "done")
    assert "its figures are good" in found["reason"]
    assert proposed() == []


@pytest.mark.parametrize("die_at", ["", "P16:2"])
async def test_from_a_bad_version_to_rolled_back_with_the_alias_untouched(
    site: Site[Envoy], server: MlflowServer, die_at: str
) -> None:
    """It looked good on paper and fails in traffic: back by itself; the champion's alias never moved (I4, I6)."""
    site.servers[Slot.B].failure_rate = 0.5
    name = await rolled_out(site, server, auc=0.9, die_at=die_at, end="rolled_back")
    model = model_of(site)
    assert (await site.read()).base is Slot.A
    assert server.aliases(model) == {"champion": "1"}
    tags = server.tags(model, "2")
    assert (tags["rollout.id"], tags["rollout.outcome"]) == (name, "rolled_back")
    assert "errors shows harm" in tags["rollout.reason"]


async def test_what_is_worse_on_paper_never_gets_traffic(site: Site[Envoy], server: MlflowServer) -> None:
    """Refused before any traffic (I3), which the registry is told too; no alias stays behind."""
    name = await rolled_out(site, server, auc=0.7, die_at="", end="refused")
    model, house = model_of(site), site.house
    why = house.why(name, "PreflightFailed")[0]
    assert "auc 0.7 against the champion's 0.8 on test d1, margin 0.01: worse by 0.1" in why
    assert "TrafficWanted" not in house.kinds(name)
    assert server.aliases(model) == {"champion": "1"}
    assert server.tags(model, "2")["rollout.outcome"] == "refused"

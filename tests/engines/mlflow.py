"""A real MLflow tracking server for the length of a ``with`` block, and what a training pipeline writes into it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.engines.processes import Program, free_port, listens
from tests.programs import needs

READY_WITHIN_S = 480.0  # the first start compiles all of it, and two cores may be busy with much else


class MlflowServer:
    """One worker on SQLite files in the folder. It is for one test session: it takes many seconds to start."""

    def __init__(self, folder: Path, group: int | None = 0) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        stores = [
            "--backend-store-uri",
            f"sqlite:///{folder / 'ml.db'}",
            "--default-artifact-root",
            str(folder / "art"),
        ]
        lean = ["env", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "MLFLOW_DISABLE_TELEMETRY=true"]
        # By itself it sends webhooks over TLS to public addresses only.
        lean += ["MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true"]
        lean += ["MLFLOW_WEBHOOK_CACHE_TTL=0"]  # else it may be a minute before it knows of one
        self.program = Program([*lean, needs("mlflow"), "server", *where, *stores], folder, "mlflow", group=group)
        self._experiments: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.program.start(self._ready, READY_WITHIN_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.program.stop()

    def _ready(self) -> bool:
        if not listens(self.port):  # which costs nothing, and a client costs milliseconds of CPU
            return False
        try:
            return httpx.get(f"{self.url}/health", trust_env=False, timeout=1.0).status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None, **query: str) -> Any:  # noqa: ANN401
        """One call of its REST interface, as JSON. Raises for everything but 200."""
        url = f"{self.url}/api/2.0/mlflow{path}"
        answer = httpx.request(method, url, json=body, params=query, trust_env=False, timeout=30.0)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def model(self, name: str) -> None:
        """A registered model with an experiment of its own."""
        self.ask("POST", "/registered-models/create", {"name": name})
        self._experiments[name] = self.ask("POST", "/experiments/create", {"name": name})["experiment_id"]

    def version(
        self, model: str, *, auc: float, digest: str = "d1", tags: Mapping[str, str] | None = None, mlmodel: str = ""
    ) -> str:
        """A new version as a pipeline leaves it: a run, a logged model evaluated on data, a registration.

        ``mlmodel`` is the text of the model's own file beside its weights.
        """
        now = round(time.time() * 1000)
        run = self.ask("POST", "/runs/create", {"experiment_id": self._experiments[model], "start_time": now})
        run_id = run["run"]["info"]["run_id"]
        logged = self.ask(
            "POST", "/logged-models",
            {"experiment_id": self._experiments[model], "name": model, "source_run_id": run_id},
        )  # fmt: skip
        model_id = logged["model"]["info"]["model_id"]
        if mlmodel:
            place = Path(logged["model"]["info"]["artifact_uri"].removeprefix("file://"))
            place.mkdir(parents=True, exist_ok=True)
            (place / "MLmodel").write_text(mlmodel)
        figure = {"key": "auc", "value": auc, "timestamp": now, "step": 0}
        evaluated = {**figure, "model_id": model_id, "dataset_name": "test", "dataset_digest": digest}
        on_the_run = {"key": "loss", "value": 1 - auc, "timestamp": now, "step": 0}
        self.ask("POST", "/runs/log-batch", {"run_id": run_id, "metrics": [evaluated, on_the_run]})
        self.ask("PATCH", f"/logged-models/{model_id}", {"model_id": model_id, "status": "LOGGED_MODEL_READY"})
        body = {"name": model, "source": f"models:/{model_id}", "run_id": run_id, "model_id": model_id}
        body["tags"] = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        made = self.ask("POST", "/model-versions/create", body)
        version: str = made["model_version"]["version"]
        return version

    def webhook(self, url: str, secret: str) -> None:
        """Send signed notes of new versions there."""
        events = [{"entity": "MODEL_VERSION", "action": "CREATED"}]
        self.ask("POST", "/webhooks", {"name": f"new-{url[-5:]}", "url": url, "events": events, "secret": secret})

    def point(self, model: str, alias: str, version: str) -> None:
        """Point an alias by hand."""
        self.ask("POST", "/registered-models/alias", {"name": model, "alias": alias, "version": version})

    def aliases(self, model: str) -> dict[str, str]:
        """Where the model's aliases point."""
        found = self.ask("GET", "/registered-models/get", name=model)["registered_model"].get("aliases", [])
        return {alias["alias"]: alias["version"] for alias in found}

    def tags(self, model: str, version: str) -> dict[str, str]:
        """The tags of a version."""
        found = self.ask("GET", "/model-versions/get", name=model, version=version)["model_version"].get("tags", [])
        return {tag["key"]: tag.get("value", "") for tag in found}

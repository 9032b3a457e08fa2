"""A real Alertmanager for the length of a ``with`` block; it posts every notification to one webhook address."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.engines.processes import Program, free_port
from tests.programs import needs


class Alertmanager:
    """Groups by rollout, notifies at once, tells ends too, and repeats nothing for an hour."""

    def __init__(self, folder: Path, hook: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        route = {"receiver": "hook", "group_by": ["alertname", "rollout"], "group_wait": "0s", "group_interval": "1s"}
        config = {
            "route": {**route, "repeat_interval": "1h"},
            "receivers": [{"name": "hook", "webhook_configs": [{"url": hook, "send_resolved": True}]}],
        }
        file = folder / "alertmanager.yml"
        file.write_text(json.dumps(config))  # JSON is YAML
        listen = [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        command = [needs("prometheus-alertmanager"), f"--config.file={file}", f"--storage.path={folder / 'am'}"]
        self.program = Program([*command, *listen], folder, "alertmanager")

    def __enter__(self) -> Self:
        self.program.start(self._ready)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.program.stop()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def alerts(self) -> list[Any]:
        """Every alert that it holds and that is not over."""
        found: list[Any] = httpx.get(f"{self.url}/api/v2/alerts", trust_env=False).json()
        return found

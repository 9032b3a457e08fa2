"""A real Prometheus for the length of a ``with`` block; it scrapes what it is told and takes samples remotely."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.engines.processes import Program, free_port
from tests.programs import needs

# name and labels, value, time in milliseconds since the epoch
Written = tuple[Mapping[str, str], float, int]
_CHUNK = 65_536


class Prometheus:
    """Scrapes each ``(address, labels)`` of ``targets`` every ``scrape_s``; ``rules`` is the text of a rule file."""

    def __init__(
        self,
        folder: Path,
        targets: Iterable[tuple[str, Mapping[str, str]]] = (),
        scrape_s: float = 1.0,
        rules: str = "",
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        static = [{"targets": [address], "labels": dict(labels)} for address, labels in targets]
        every = {"scrape_interval": f"{round(scrape_s * 1000)}ms", "scrape_timeout": f"{round(scrape_s * 900)}ms"}
        config: dict[str, Any] = {
            "global": every,
            "storage": {"tsdb": {"out_of_order_time_window": "1d"}},
            "scrape_configs": [{"job_name": "model", "static_configs": static}],
        }
        if rules:
            (folder / "rules.yml").write_text(rules)
            config["rule_files"] = ["rules.yml"]
            every["evaluation_interval"] = every["scrape_interval"]
        file = folder / "prometheus.yml"
        file.write_text(json.dumps(config))  # JSON is YAML
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        data = f"--storage.tsdb.path={folder / 'data'}"
        command = [needs("prometheus"), f"--config.file={file}", data, listen, "--web.enable-remote-write-receiver"]
        self.program = Program(command, folder, "prometheus")

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

    def query(self, text: str) -> list[Any]:
        """The result of an instant query, as Prometheus writes it."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": text}, trust_env=False).json()
        result: list[Any] = answer["data"]["result"]
        return result

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        answer = httpx.get(f"{self.url}/api/v1/alerts", trust_env=False).json()
        return {one["labels"]["alertname"] for one in answer["data"]["alerts"] if one["state"] == "firing"}

    def write(self, samples: Iterable[Written]) -> None:
        """Store samples; they can be asked for at once. Their times may lie in the past, not in the future."""
        body = _snappy(b"".join(_field(1, _series(*sample)) for sample in samples))
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        answer = httpx.post(f"{self.url}/api/v1/write", content=body, headers=headers, trust_env=False)
        if answer.status_code != 204:
            raise RuntimeError(f"Prometheus refused samples: {answer.status_code} {answer.text}")


def now_ms() -> int:
    """The wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def _series(labels: Mapping[str, str], value: float, at_ms: int) -> bytes:
    """One TimeSeries message: labels in order, one sample."""
    pairs = b"".join(_field(1, _field(1, k.encode()) + _field(2, v.encode())) for k, v in sorted(labels.items()))
    return pairs + _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at_ms))


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _snappy(data: bytes) -> bytes:
    """The snappy block format with literal chunks only."""
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    return _varint(len(data)) + b"".join(bytes([61 << 2]) + struct.pack("<H", len(c) - 1) + c for c in chunks)

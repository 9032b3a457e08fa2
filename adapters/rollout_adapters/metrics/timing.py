"""Option types that the metric sources share, and their clock; it reads no metric."""

from __future__ import annotations

import ssl
import time
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, FilePath, SecretStr

from rollout_adapters.options import AdapterOptions
from rolloutd.core.values import parse_duration_ms

EVERY_MS = 10_000


def _duration_ms(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("a duration is a text such as 10s")  # noqa: TRY004  pydantic takes ValueError for a sentence
    duration_ms = parse_duration_ms(value)
    if duration_ms <= 0:
        raise ValueError("it must be longer than nothing")
    return duration_ms


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError("it must be written like http://127.0.0.1:9090")
    if "@" in parts.netloc:
        raise ValueError("a password does not belong in an address; use token or headers")
    return value


def _ca_file(value: FilePath) -> FilePath:
    try:
        ssl.create_default_context(cafile=str(value))
    except (OSError, ssl.SSLError):
        raise ValueError("it holds no certificate that can be read") from None
    return value


CaFile = Annotated[FilePath, AfterValidator(_ca_file)]
DurationMs = Annotated[int, BeforeValidator(_duration_ms)]
Url = Annotated[str, AfterValidator(_url)]


class SourceOptions(AdapterOptions):
    """What every metric source can be told.

    ``every`` is its cadence. A sample older than ``max_age`` is no data (default: two cadences). ``token`` is sent as
    a bearer token, ``headers`` beside it; ``ca_file`` replaces the system's certificate authorities.
    """

    every: DurationMs = EVERY_MS
    max_age: DurationMs | None = None
    token: SecretStr | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    ca_file: CaFile | None = None

    @property
    def max_age_ms(self) -> int:
        """The oldest age of a usable sample."""
        return 2 * self.every if self.max_age is None else self.max_age

    def request_headers(self) -> dict[str, str]:
        """The headers of every request, with their secrets. Answers come uncompressed: what is small stays small."""
        headers = {"Accept-Encoding": "identity"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return headers | {key: value.get_secret_value() for key, value in self.headers.items()}


class SteadyWall:
    """The wall clock as it was at the start, carried on by a clock that never steps and includes suspend."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch; a step of the wall clock does not move it."""
        return round((time.clock_gettime(time.CLOCK_BOOTTIME) + self._offset_s) * 1000)

"""Reads counters straight from metrics pages (Envoy, HAProxy, model servers), all at once; it keeps no history.

A page that cannot be read blinds every arm that could have series on it: the one its labels name, or else all of them.
Pages are small when the engine is asked for little: Envoy ``/stats/prometheus?filter=upstream_rq_(completed|.xx|time)``
(it also shows counters that are still zero, which ``usedonly`` hides), HAProxy ``/metrics?scope=backend``.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping
from socket import gaierror
from urllib.parse import urlsplit

import httpx
from pydantic import Field, model_validator

from rollout_adapters.metrics.exposition import ACCEPT, Line, read_page
from rollout_adapters.metrics.series import BODY_MAX_BYTES, Blind, Sample, names_of, readings
from rollout_adapters.metrics.timing import SourceOptions, SteadyWall, Url
from rollout_adapters.options import AdapterOptions, check_options
from rolloutd.core.metrics import Answer, BlindReason, Question, Unreadable

TARGETS_MAX = 100
# Bigger pages and longer answers are worked on beside the loop, so that none ever holds up an abort.
ASIDE_BYTES = 128 * 1024
ASIDE_SAMPLES = 500


class Target(AdapterOptions):
    """One metrics page. ``labels`` are put on all its series and win over its own (those become ``exported_...``)."""

    url: Url
    labels: dict[str, str] = Field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        """The target's labels with ``instance``, which keeps equal series of two servers apart."""
        return {"instance": urlsplit(self.url).netloc} | self.labels


class ScrapeOptions(SourceOptions):
    """What a scrape source can be told."""

    targets: tuple[Target, ...] = Field(min_length=1, max_length=TARGETS_MAX)

    @model_validator(mode="after")
    def _apart(self) -> ScrapeOptions:
        kinds = [tuple(sorted(target.all_labels.items())) for target in self.targets]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two targets cannot be told apart; give them different labels")
        return self


def make(name: str, options: Mapping[str, object]) -> ScrapeSource:
    """A source that scrapes ``targets``. Raises BadOption."""
    return ScrapeSource(name, check_options(ScrapeOptions, options, f"Source {name} (scrape)"))


class ScrapeSource:
    """A few metrics pages as one metric source. Its time is this host's: pages rarely carry their own."""

    def __init__(self, name: str, options: ScrapeOptions) -> None:
        self.name = name
        self.every_ms = options.every
        self.max_age_ms = options.max_age_ms
        self._targets = options.targets
        self._clock = SteadyWall()
        context = ssl.create_default_context(cafile=options.ca_file)
        self._client = httpx.AsyncClient(
            headers={"Accept": ACCEPT} | options.request_headers(),
            follow_redirects=False,
            trust_env=False,
            verify=context,
            timeout=None,  # noqa: S113  each page stands under the caller's total deadline
        )

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """Read all pages concurrently; a page that is not there in time blinds its own arms only."""
        read_at_ms = self._clock.now_ms()
        pages = await asyncio.gather(*(self._page(target, question, deadline_s) for target in self._targets))
        samples = list(self._samples(pages, read_at_ms))
        aside = len(samples) > ASIDE_SAMPLES
        by_arm = await asyncio.to_thread(readings, question, samples) if aside else readings(question, samples)
        for target, page in zip(self._targets, pages, strict=True):
            if isinstance(page, Unreadable):
                by_arm |= dict.fromkeys(_arms_on(target, question), page)
        return Answer(read_at_ms, by_arm)

    def _samples(self, pages: list[list[Line] | Unreadable], read_at_ms: int) -> Iterator[Sample]:
        wall_s = time.time()
        for target, page in zip(self._targets, pages, strict=True):
            for name, labels, value, at_s in () if isinstance(page, Unreadable) else page:
                age_ms = 0 if at_s is None else round((wall_s - at_s) * 1000)
                own = target.all_labels
                renamed = {f"exported_{key}" if key in own else key: text for key, text in labels.items()}
                yield Sample(name, renamed | own, value, read_at_ms - age_ms)

    async def _page(self, target: Target, question: Question, deadline_s: float) -> list[Line] | Unreadable:
        """The wanted lines of one page, or why there are none."""
        try:
            async with asyncio.timeout(deadline_s):
                return await self._fetch(target, names_of(question.template))
        except Blind as blind:
            reason, detail = blind.why.reason, blind.why.detail
        except (TimeoutError, httpx.TimeoutException):
            reason, detail = BlindReason.TIMEOUT, f"no whole page within {deadline_s:g} s"
        except httpx.ConnectError as error:
            unknown = any(isinstance(cause, gaierror) for cause in _causes(error))
            reason = BlindReason.UNREACHABLE if unknown else BlindReason.TARGET_DOWN
            detail = "the host's name has no address" if unknown else "nothing answers there"
        except httpx.RemoteProtocolError as error:
            hung_up = "without sending a response" in str(error)
            reason = BlindReason.UNREACHABLE if hung_up else BlindReason.BAD_ANSWER
            detail = "it hung up without a word" if hung_up else f"the answer broke off or is no HTTP: {error}"
        except httpx.HTTPError as error:
            reason, detail = BlindReason.UNREACHABLE, f"the connection broke: {type(error).__name__}"
        return Unreadable(reason, f"{target.url}: {detail}")

    async def _fetch(self, target: Target, names: frozenset[str]) -> list[Line]:
        body = bytearray()
        async with self._client.stream("GET", target.url) as response:
            if response.status_code in (401, 403):
                raise Blind(BlindReason.DENIED, f"HTTP {response.status_code}: our rights do not suffice")
            if response.status_code != 200:
                raise Blind(BlindReason.BAD_ANSWER, f"HTTP {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Blind(BlindReason.BAD_ANSWER, "the page is compressed, which was not asked for")
            content_type = response.headers.get("content-type", "")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > BODY_MAX_BYTES:
                    raise Blind(BlindReason.TOO_BIG, f"the page is longer than {BODY_MAX_BYTES >> 20} MiB")
        if len(body) > ASIDE_BYTES:
            return await asyncio.to_thread(read_page, bytes(body), content_type, names)
        return read_page(bytes(body), content_type, names)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _arms_on(target: Target, question: Question) -> frozenset[str]:
    """The asked arms that could have series on this page."""
    arm = target.labels.get(question.template.arm_label)
    return question.arm_values if arm is None else question.arm_values & {arm}


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__

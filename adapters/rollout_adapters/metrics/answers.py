"""Reads what a Prometheus answered, and gives every way in which it can fail its name; it sends nothing.

The client library drops ``warnings`` and ``status`` and hands values over as text; here they are looked at.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass

import requests
import urllib3.exceptions
from prometheus_api_client.exceptions import PrometheusApiClientException

from rollout_adapters.metrics.series import Blind, Sample
from rolloutd.core.metrics import BlindReason


@dataclass(frozen=True, slots=True)
class Row:
    """One series of an answer: labels, and its raw values with the times of their samples (ms), newest last."""

    labels: Mapping[str, str]
    values: tuple[tuple[int, float], ...]

    def newest(self) -> Sample:
        """The last sample of the series."""
        at_ms, value = self.values[-1]
        labels = {label: text for label, text in self.labels.items() if label != "__name__"}
        return Sample(self.labels.get("__name__", ""), labels, value, at_ms)


def check_answer(body: bytes, *, allow_warnings: bool) -> None:
    """Look at what the client library leaves unread. Raises Blind."""
    answer = json.loads(body)  # the client library has read it before: it is JSON
    if answer.get("status") != "success":
        raise Blind(BlindReason.BAD_ANSWER, f"the answer's status is {str(answer.get('status'))[:40]!a}")
    warnings = answer.get("warnings")
    if warnings and not allow_warnings:
        first = warnings[0] if isinstance(warnings, list) else warnings
        raise Blind(BlindReason.PARTIAL, f"the answer comes with a warning: {str(first)[:200]}")


def parse_rows(result: object) -> list[Row]:
    """The rows of a vector or a matrix. Raises Blind for any other form."""
    try:
        if not isinstance(result, list):
            raise TypeError("the result is no list")
        return [_row(row) for row in result]
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise Blind(BlindReason.BAD_ANSWER, f"the answer has a row of an unknown form: {str(error)[:100]}") from None


def _row(row: Mapping[str, object]) -> Row:
    labels = row["metric"]
    values = row["values"] if "values" in row else [row["value"]]
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise TypeError("labels are no texts")
    if not isinstance(values, list) or not values:
        raise TypeError("there are no values")
    return Row(labels, tuple(sorted((round(float(at_s) * 1000), _value(text)) for at_s, text in values)))


def _value(text: object) -> float:
    """A sample's value, which stands as text in the answer; ``NaN`` and ``+Inf`` are values here."""
    if not isinstance(text, str) or not text.isascii() or "_" in text:
        raise TypeError("a value is no number in quotes")
    return float(text)


def why(error: Exception, status: int, body: bytes) -> Blind:
    """What an error of the client library, of requests or of urllib3 means."""
    if isinstance(error, Blind):
        return error
    if isinstance(error, PrometheusApiClientException):
        return _refused(status, body)
    text = f"{type(error).__name__}: {str(error)[:200]}"
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return Blind(BlindReason.TIMEOUT, "it was silent for too long")
    if _is_nonsense(error):
        return Blind(BlindReason.BAD_ANSWER, f"the answer broke off or is no HTTP ({text})")
    if isinstance(error, (requests.ConnectionError, urllib3.exceptions.HTTPError, OSError)) and not isinstance(
        error, (requests.JSONDecodeError, requests.TooManyRedirects)
    ):
        return Blind(BlindReason.UNREACHABLE, f"no connection ({text})")
    if isinstance(error, requests.TooManyRedirects):
        return Blind(BlindReason.BAD_ANSWER, "it sends us elsewhere (a redirect), and we do not follow")
    return Blind(BlindReason.BAD_ANSWER, f"the answer is not what a Prometheus says ({text})")


def _is_nonsense(error: BaseException) -> bool:
    """Whether something answered, but cut short or in no HTTP at all (a mere hang-up without a word is neither)."""
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
        return False
    if isinstance(error, (http.client.HTTPException, requests.exceptions.ChunkedEncodingError)):
        return True
    if isinstance(error, (urllib3.exceptions.IncompleteRead, urllib3.exceptions.DecodeError)):
        return True
    inner = (*error.args, getattr(error, "reason", None))
    return any(_is_nonsense(cause) for cause in inner if isinstance(cause, BaseException))


def _refused(status: int, body: bytes) -> Blind:
    if status in (401, 403):
        return Blind(BlindReason.DENIED, f"HTTP {status}: our rights do not suffice")
    try:
        answer = json.loads(body)
        said = str(answer["error"])[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = "without a reason that can be read"
    return Blind(BlindReason.BAD_ANSWER, f"HTTP {status}: {said}")

"""What Argo's and Flagger's gate logic would have done on the same answers: their usual query, their published loops.

The loops are those of the benches (bench/rivals). The query is the one of their manuals, a fraction over a window of
ten scrapes; the threshold is five times the rate of the champion, so that the harm here is far above it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from math import isnan

import httpx

from bench.rivals.loops import Argo, Flagger
from tests.badmetrics.stage import ERRORS, Stage

THRESHOLD = 0.05
EVERY_S, CHECKS = 2, 5
WINDOW = "10s"
FLAGGER = Flagger(threshold=5)


@dataclass
class Others:
    """The measurements of one run since its first stage stands, one every two seconds."""

    by_success: list[str] = field(default_factory=list)
    by_failure: list[str] = field(default_factory=list)
    checks: list[bool] = field(default_factory=list)

    async def measure(self, stage: Stage) -> None:
        """One measurement, of what the source shows at this second."""
        values = await _ask(stage)
        if values is None or not values:  # both index the answer: an empty one is an error, as no answer is
            self.by_success.append("Error")
            self.by_failure.append("Error")
            self.checks.append(False)
            return
        first, last = values[0], values[-1]
        self.by_success.append("Successful" if first <= THRESHOLD else "Failed")
        self.by_failure.append("Failed" if first > THRESHOLD else "Successful")
        self.checks.append(not isnan(last) and last <= THRESHOLD)

    def argo(self, measurements: list[str]) -> str:
        """What becomes of an analysis of five measurements with Argo's defaults."""
        phase, _ = Argo(count=CHECKS).phase(measurements)
        return {"Successful": "**goes up**", "Running": "stays", "Inconclusive": "holds"}.get(phase, "back to 0%")

    def flagger(self) -> str:
        """Flagger goes up with every check that passes, until five have failed."""
        gone = FLAGGER.rolled_back_at(self.checks)
        went_up = any(self.checks)
        return "**goes up**" if went_up else "back to 0%" if gone is not None else "stays"


def _query(stage: Stage) -> str:
    arm = f'slot="{stage.arm("b")}"'
    if stage.template is ERRORS:
        bad, total = f'http_requests_total{{{arm},code="500"}}', f"http_requests_total{{{arm}}}"
        return f"sum(rate({bad}[{WINDOW}])) / sum(rate({total}[{WINDOW}]))"
    good, total = f'http_request_seconds_bucket{{{arm},le="0.25"}}', f"http_request_seconds_count{{{arm}}}"
    return f"1 - sum(rate({good}[{WINDOW}])) / sum(rate({total}[{WINDOW}]))"


async def _ask(stage: Stage) -> list[float] | None:
    """The values of the answer in its order, None where there is no answer."""
    params = {"query": _query(stage), "time": f"{stage.at_ms / 1000:.3f}"}
    try:
        async with asyncio.timeout(stage.deadline_s), httpx.AsyncClient(trust_env=False, timeout=None) as client:
            found = await client.get(f"{stage.url}/api/v1/query", params=params)
        found.raise_for_status()
        answer = found.json()
        if answer["status"] != "success":
            return None
        return [float(row["value"][1]) for row in answer["data"]["result"]]
    except (TimeoutError, httpx.HTTPError, ValueError, KeyError):
        return None

"""Runs the whole catalogue and prints its table: ``python -m tests.badmetrics.run``. Minutes of a quiet core."""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollout_adapters.metrics import prometheus as adapter
from tests.badmetrics.others import EVERY_S, Others
from tests.badmetrics.rows import ROWS, Row
from tests.badmetrics.stage import BAD_S, GOOD_S, HARM_RATE, KINDS, LONG_S, SHORT_S, Stage, highest, honest, told_time
from tests.engines.faulty_http import FaultyHTTP
from tests.engines.prometheus import Prometheus

WELL = Row("nothing wrong, a healthy challenger")
HARMED = Row("nothing wrong, the same harm")
_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What each of the four made of one row at one kind of gate."""

    ours: str
    by_success: str
    by_failure: str
    flagger: str


async def outcome(store: Prometheus, row: Row, kind: str, *, others: bool = True) -> Outcome:
    """One run: a healthy beginning, then the row's fault with a challenger that does harm."""
    stage, theirs = Stage(store, kind, next(_serial)), Others()
    proxy = FaultyHTTP(content_type="application/json")
    with pytest.MonkeyPatch.context() as patch:
        told_time(patch, stage)
        async with proxy:
            straight = adapter.make("store", {"url": store.url, "max_age": "2500ms"})
            for _ in range(GOOD_S):
                await stage.pass_second(straight, honest)
            source = straight
            if row.on_the_way is not None:
                stage.url = proxy.url
                source = adapter.make("proxy", {"url": proxy.url, "max_age": "2500ms"})
                row.on_the_way(proxy, stage)
            stage.deadline_s = SHORT_S if row.stalls else LONG_S
            if row is not WELL:
                stage.world.rates["b"] = HARM_RATE
            for second in range(BAD_S):
                stage.since_s = second
                await stage.pass_second(source, row.tell)
                if others and second % EVERY_S == EVERY_S - 1:
                    await theirs.measure(stage)
            await straight.close()
            await source.close()
    return Outcome(
        highest(stage.book), theirs.argo(theirs.by_success), theirs.argo(theirs.by_failure), theirs.flagger()
    )


@contextmanager
def a_store() -> Iterator[Prometheus]:
    """A real Prometheus for all runs."""
    with tempfile.TemporaryDirectory() as folder, Prometheus(Path(folder)) as store:
        yield store


def table(found: dict[tuple[str, str], Outcome]) -> str:
    """One line for each row and kind of gate, and how many of each go up wrongly."""
    lines = [
        "| what the source shows | gate | rolloutd | Argo, success | Argo, failure | Flagger |",
        "|---|---|---|---|---|---|",
    ]
    wrong = [0, 0, 0, 0]
    for (name, kind), one in found.items():
        words = (one.ours, one.by_success, one.by_failure, one.flagger)
        lines.append(f"| {name} | {kind} | {' | '.join(words)} |")
        if name != WELL.name:
            wrong = [count + word.startswith("**goes up") for count, word in zip(wrong, words, strict=True)]
    lines.append(f"| **wrong promotions** | of {len(found) - len(KINDS)} | {' | '.join(map(str, wrong))} |")
    return "\n".join(lines)


async def whole(store: Prometheus) -> dict[tuple[str, str], Outcome]:
    """The catalogue."""
    rows = (WELL, HARMED, *ROWS)
    return {(row.name, kind): await outcome(store, row, kind) for row in rows for kind in KINDS}


def main() -> int:
    """Print the table."""
    with a_store() as store:
        made = table(asyncio.run(whole(store)))
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())

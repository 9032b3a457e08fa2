"""Bugs to plant in the real store: mistakes that lose what was acknowledged, and that no double in memory can make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from rolloutd.store import Store
from rolloutd.transactions import Job, Transactions


def answers_before_commit(patch: pytest.MonkeyPatch) -> None:
    """A job is answered at once and committed with the next one, so as not to wait for the disk."""

    def hasty(self: Transactions, jobs: Sequence[Job[Any]]) -> list[Any]:
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")
        self._begin()
        return [self._one(job) for job in jobs]

    patch.setattr(Transactions, "carry_out", hasty)


def start_removes_the_wal(patch: pytest.MonkeyPatch) -> None:
    """A start takes the WAL that a kill left for rubbish."""
    prepare = Store.prepare

    def tidy(self: Store) -> None:
        self.path.with_name(f"{self.path.name}-wal").unlink(missing_ok=True)
        prepare(self)

    patch.setattr(Store, "prepare", tidy)

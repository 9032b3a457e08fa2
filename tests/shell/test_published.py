"""The chain's head in the system's log: at the start and once for each stage change, by number and hash (I13)."""

from __future__ import annotations

import logging

import pytest

from rolloutd.journal import Head
from rolloutd.published import PublishedHeads
from tests.core.playbook import Playbook


def test_a_head_is_told_at_the_start_and_after_each_stage_change(caplog: pytest.LogCaptureFixture) -> None:
    """Not at every beat, and not for evidence or claims; the line has what `audit verify --published` wants."""
    caplog.set_level(logging.INFO, "rolloutd.published")
    heads, book = PublishedHeads(), Playbook()
    heads.tell(Head(0, "00"))
    heads.tell(Head(0, "00"))
    book.until("watching")
    heads.note(book.journal)
    heads.tell(Head(23, "ab12"))
    heads.tell(Head(23, "ab12"))
    heads.note(row for row in book.journal if type(row.event).__name__ in ("EvidenceSealed", "WindowRestarted"))
    heads.tell(Head(24, "cd34"))
    assert [record.getMessage() for record in caplog.records] == ["chain head 0:00", "chain head 23:ab12"]
    assert caplog.records[-1].__dict__["because"] == "ranker-v42: StageEntered"

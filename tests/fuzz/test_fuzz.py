"""Some thousand wrong texts for each reader and the sockets, always the same (I12, S2); ``./dev fuzz`` has more."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import read_many
from tests.fuzz.sockets import throw
from tests.fuzz.targets import Target, targets

EACH, AT_SOCKETS = 1_500, 400


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_a_reader_refuses_with_its_own_error(target: Target) -> None:
    """Whatever the text, it is taken or refused in words; nothing else escapes and nothing hangs."""
    assert read_many(target, EACH, seed=1) == (EACH, "")


async def test_the_sockets_answer_whatever_comes() -> None:
    """No answer of 500, no problem without its three parts, and the server serves afterwards."""
    assert await throw(AT_SOCKETS, seed=1) == (AT_SOCKETS, [])

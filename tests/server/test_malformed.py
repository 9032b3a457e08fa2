"""Whatever arrives, the answer is a problem in three parts, and the server goes on serving."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutd.strict_json import BadJson, parse
from rolloutd.wire import Problem
from tests.server.fake_service import FakeService
from tests.server.running import Running

ABORT = b"POST /v1/rollouts/ranker/abort HTTP/1.1\r\nhost: x\r\n"
HEADS: dict[str, tuple[bytes, int]] = {
    "no http at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "an unknown method": (b"FROB / HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "a target without end": (b"GET /" + b"a" * 4_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
    "one endless header": (b"GET / HTTP/1.1\r\nx: " + b"a" * 20_000, 431),
    "too many headers": (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100 + b"\r\n", 431),
    "two lengths": (ABORT + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}", 400),
    "length and chunks": (ABORT + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}", 400),
    "a negative length": (ABORT + b"content-length: -1\r\n\r\n", 400),
    "a huge length": (ABORT + b"content-length: 99999999999\r\n\r\n", 413),
    "too many bytes in chunks": (
        ABORT + b"transfer-encoding: chunked\r\n\r\n" + (b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 3,
        413,
    ),
    "a name with a slash in it": (
        b"POST /v1/rollouts/a%2Fb/abort HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        404,
    ),
    "a name with an escape in it": (
        b"GET /v1/rollouts/%1b%5b31m HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        404,
    ),
    "a folder above": (b"GET /v1/rollouts/../../etc HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 404),
}
BODIES: dict[str, bytes] = {
    "half a body": b'{"reason": ',
    "nan": b'{"wait_s": NaN}',
    "infinity": b'{"wait_s": 1e999}',
    "a key twice": b'{"reason": "a", "reason": "b"}',
    "deep": b"[" * 60_000,
    "deep inside": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "a number of 5,000 digits": b'{"wait_s": ' + b"9" * 5_000 + b"}",
    "not utf-8": b'{"reason": "\xff\xfe"}',
    "half a surrogate": b'{"reason": "\\ud800"}',
    "not an object": b'["abort"]',
    "an unknown key": b'{"reazon": "x"}',
    "a wrong type": b'{"override": "yes"}',
    "a number as text": b'{"wait_s": "5"}',
    "an endless wait": b'{"wait_s": 1e9}',
    "a reason too long": json.dumps({"reason": "x" * 501}).encode(),
    "an escape sequence in the reason": b'{"reason": "\\u001b[2J"}',
    "a line break in the reason": b'{"reason": "a\\nb"}',
    "a text that turns around": b'{"reason": "\\u202e"}',
}


def check_problem(body: bytes) -> Problem:
    """The problem in this body, all its parts said."""
    problem = Problem.model_validate_json(body)
    assert problem.message
    assert problem.traffic
    assert problem.next
    assert problem.exit != 0
    return problem


@pytest.mark.parametrize("name", HEADS)
async def test_a_broken_head_is_answered_and_forgotten(server: Running, service: FakeService, name: str) -> None:
    """A request that is not one gets a problem, changes nothing, and the next caller is served."""
    data, status = HEADS[name]
    answer = await server.raw(data)
    assert answer.status == status
    check_problem(answer.body)
    assert answer.headers["connection"] == "close"
    assert service.acts == []
    assert (await server.ask("GET", "/v1/rollouts")).status == 200


@pytest.mark.parametrize("name", BODIES)
async def test_a_broken_body_does_nothing(server: Running, service: FakeService, name: str) -> None:
    """A body is taken as a whole or not at all, also by abort."""
    head = ABORT + f"connection: close\r\ncontent-length: {len(BODIES[name])}\r\n\r\n".encode()
    answer = await server.raw(head + BODIES[name])
    assert answer.status == 400
    assert check_problem(answer.body).code == "bad-input"
    assert service.acts == []
    assert (await server.ask("GET", "/v1/rollouts")).status == 200


async def test_a_misspelt_query_is_not_passed_over(server: Running, service: FakeService) -> None:
    """``?dryrun=1`` must not become a real start."""
    answer = await server.ask("POST", "/v1/rollouts?dryrun=1", {"spec_toml": 'model = "m"'})
    assert answer.status == 400
    assert check_problem(answer.body).next == "Did you mean dry_run?"
    twice = await server.ask("POST", "/v1/rollouts?dry_run=1&dry_run=0", {"spec_toml": 'model = "m"'})
    unclear = await server.ask("POST", "/v1/rollouts?dry_run=maybe", {"spec_toml": 'model = "m"'})
    assert (twice.status, unclear.status) == (400, 400)
    assert service.starts == []


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=99999999999999999999", "filter=" + "x" * 201])
async def test_numbers_and_texts_in_a_query_have_bounds(server: Running, query: str) -> None:
    """What is out of range is refused in a sentence, not cut."""
    answer = await server.ask("GET", f"/v1/rollouts?{query}", socket_name="view")
    assert answer.status == 400
    check_problem(answer.body)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_value_or_a_sentence(data: bytes) -> None:
    """The parser raises its own error or none."""
    with contextlib.suppress(BadJson):
        parse(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab{["\\', max_size=4), inner, max_size=4),
        max_leaves=20,
    )
)
def test_all_honest_json_is_read_as_it_was_meant(value: object) -> None:
    """Strictness costs no honest text anything: what the standard writer writes is read back equal."""
    assert parse(json.dumps(value).encode()) == value

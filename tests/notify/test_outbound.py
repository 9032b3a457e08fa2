"""The way out of notifiers, against a real server: no redirect, no second name, no endless answer, no told secret."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout_adapters.notify.addresses import allowed
from rollout_adapters.notify.outbound import Outbound
from rolloutd.ports import NotifierError, NotifierRefused, NotifierUnreachable
from tests.engines.receiver import Receiver
from tests.programs import needs

LOOPBACK = ["127.0.0.1/32"]
HOST = "hooks.example.com"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that answers 200."""
    with Receiver() as receiver:
        yield receiver


def outbound() -> Outbound:
    """May talk to this host alone."""
    return Outbound(allowed([], LOOPBACK))


async def test_a_post_arrives_as_it_was_given(receiver: Receiver) -> None:
    """Path, query, headers and body."""
    answer = await outbound().post(f"{receiver.url}/a/b?c=d", {"x-mine": "1"}, b'{"x": 1}')
    assert (answer.status, answer.body) == (200, b"{}")
    posted = receiver.posted[0]
    assert (posted.path, posted.json, posted.headers["x-mine"]) == ("/a/b?c=d", {"x": 1}, "1")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    """Wherever it points: nothing else is asked."""
    receiver.answer = lambda _: (status, {"location": f"{receiver.url}/elsewhere"}, b"")
    with pytest.raises(NotifierUnreachable, match="no redirect is followed"):
        await outbound().post(f"{receiver.url}/hook", {}, b"{}")
    assert [posted.path for posted in receiver.posted] == ["/hook"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, NotifierRefused), (422, NotifierRefused), (401, NotifierUnreachable), (404, NotifierUnreachable),
     (429, NotifierUnreachable), (500, NotifierUnreachable), (503, NotifierUnreachable)],
)  # fmt: skip
async def test_what_can_be_mended_is_tried_again(receiver: Receiver, status: int, error: type[NotifierError]) -> None:
    """Only what says that this very message is wrong is final."""
    receiver.answer = lambda _: (status, {}, b"no")
    with pytest.raises(error):
        await outbound().post(f"{receiver.url}/hook", {}, b"{}")


async def test_an_answer_is_read_up_to_its_cap(receiver: Receiver) -> None:
    """A server that answers without end is cut off; one that is just within is not."""
    receiver.answer = lambda _: (200, {}, b"x" * 60_000)
    assert len((await outbound().post(f"{receiver.url}/hook", {}, b"{}")).body) == 60_000
    receiver.answer = lambda _: (200, {}, b"x" * 5_000_000)
    with pytest.raises(NotifierUnreachable, match="more than 64 KiB"):
        await outbound().post(f"{receiver.url}/hook", {}, b"{}")


async def test_an_error_names_no_path_and_no_query() -> None:
    """I15: the address of a chat's hook is a secret from the first slash on."""
    with Receiver() as receiver:
        url = f"{receiver.url}/T0-secret?key=secret"
    for call in (outbound().post(url, {}, b"{}"), outbound().reach(url)):
        with pytest.raises(NotifierUnreachable) as caught:
            await call
        assert "secret" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)


async def test_a_header_cannot_be_smuggled_in(receiver: Receiver) -> None:
    """What is no single visible line is not sent."""
    with pytest.raises(NotifierUnreachable, match="letters that do not belong"):
        await outbound().post(f"{receiver.url}/hook", {"x-mine": "1\r\nx-other: 2"}, b"{}")
    assert receiver.posted == []


async def test_a_unix_socket_is_used_where_one_is_named(tmp_path: Path) -> None:
    """Then the address is only a header: nothing is resolved or dialled."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    server = await asyncio.start_unix_server(serve, tmp_path / "am.sock")
    async with server:
        answer = await Outbound(allowed([], []), str(tmp_path / "am.sock")).post("http://am/api", {}, b"")
    assert answer.status == 202
    assert b"host: am\r\n" in heads[0]


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context and its own authority, for HOST."""
    key, crt = folder / "key.pem", folder / "crt.pem"
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    command = [needs("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*command, "-keyout", key, "-out", crt, "-days", "2", *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return context, crt


class Names:
    """A resolver that says something else each time, as one who rebinds a name would."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        """The next answer; the last one for ever."""
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.real
async def test_the_judged_address_is_the_one_that_is_dialled(tmp_path: Path) -> None:
    """The name is asked once a post; TLS proves the name, not the address; a name that turns inward is refused."""
    tls, authority = certificate(tmp_path)
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with Receiver(tls=tls) as receiver:
        out = Outbound(allowed([HOST, "other.example.com"], LOOPBACK), None, authority, names)
        await out.post(f"https://{HOST}:{receiver.port}/hook", {}, b"{}")
        assert (names.asked, len(receiver.posted)) == (1, 1)
        assert receiver.posted[0].headers["host"] == f"{HOST}:{receiver.port}"
        with pytest.raises(NotifierUnreachable, match=r"169[.]254[.]169[.]254"):
            await out.post(f"https://{HOST}:{receiver.port}/hook", {}, b"{}")
        names.answers = [["127.0.0.1"]]
        with pytest.raises(NotifierUnreachable, match="certificate does not hold"):
            await out.post(f"https://other.example.com:{receiver.port}/hook", {}, b"{}")
        strict = Outbound(allowed([HOST], LOOPBACK), None, None, names)
        with pytest.raises(NotifierUnreachable, match="certificate does not hold"):
            await strict.post(f"https://{HOST}:{receiver.port}/hook", {}, b"{}")
        assert len(receiver.posted) == 1


async def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that somebody set must not send incidents elsewhere."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await outbound().post(f"{receiver.url}/hook", {}, b"{}")).status == 200


async def test_a_server_that_says_nothing_is_left_at_the_callers_deadline() -> None:
    """Cancelling closes the connection."""
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000):
            pass
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await outbound().post(f"http://127.0.0.1:{port}/", {}, b"{}")
        async with asyncio.timeout(10):
            await closed.wait()

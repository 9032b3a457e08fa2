"""Where a notifier may connect, judged by the text of the address and by what its name resolves to (I12)."""

from __future__ import annotations

import pytest

from rollout_adapters.notify.addresses import Forbidden, allowed

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
MAY = allowed(["hooks.example.com"], [])

TEXTS = [
    "http://hooks.example.com/x",
    "ftp://hooks.example.com/x",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "unix:///run/docker.sock",
    "HTTPS://evil.example.com/",
    "https://evil.example.com/",
    "https://hooks.example.com.evil.example/",
    "https://hooks.example.com@evil.example/",
    "https://evil.example#hooks.example.com",
    "https://hooks.example.com#@evil.example/",
    "https://evil.example\\@hooks.example.com/",
    "https://hooks.example.com%2eevil.example/",
    "https://hooks.example.com/\r\nx: y",
    "https://hooks.example.com/ x",
    "https://hooks.example.com\t/",
    "https://hooks.exämple.com/",
    "https://ⓗooks.example.com/",
    "https:///x",
    "https://",
    "//hooks.example.com/x",
    "hooks.example.com/x",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:port/",
    "https://[::1/",
    "https://localhost/",
    "https://127.0.0.1/",
    "http://127.0.0.1/",
    "http://[::1]/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://169.254.169.254/latest/meta-data/",
    "https://hooks.example.com/" + "x" * 3_000,
]
ADDRESSES = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.5",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.7",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_address_that_is_not_plainly_a_listed_one_is_refused(text: str) -> None:
    """Another scheme, host, user, fragment, form or letter; and the reason repeats no path."""
    with pytest.raises(Forbidden) as caught:
        MAY.check_url(text)
    assert "meta-data" not in str(caught.value)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_listed_name_that_resolves_to_somewhere_inside_is_refused(address: str) -> None:
    """Alone, and also where a public address stands beside it: a name with both is a trap."""
    for found in ([address], [*PUBLIC, address]):
        with pytest.raises(Forbidden):
            MAY.check_addresses("hooks.example.com", found)


def test_public_addresses_of_a_listed_name_may_be_dialled() -> None:
    """All of them, in their order."""
    assert MAY.check_url("https://hooks.example.com:8443/a?b=c").port == 8443
    assert MAY.check_addresses("hooks.example.com", PUBLIC) == PUBLIC


def test_a_listed_network_opens_exactly_itself() -> None:
    """A receiver in the own network is listed; loopback by plain http, too. Link-local never is one."""
    may = allowed(["am.example.com"], ["10.20.0.0/16", "127.0.0.1/32"])
    assert may.check_addresses("am.example.com", ["10.20.3.4", "::ffff:10.20.3.4"])
    assert may.check_url("http://127.0.0.1:9093/").port == 9093
    for address in ("10.21.0.1", "127.0.0.2", "::1"):
        with pytest.raises(Forbidden):
            may.check_addresses("am.example.com", [address])
    with pytest.raises(Forbidden):
        may.check_url("http://am.example.com/")
    for network in ("169.254.0.0/16", "0.0.0.0/0", "::/0", "ff00::/8", "fe80::/10"):
        with pytest.raises(ValueError, match="no notifier can be there"):
            allowed([], [network])


def test_a_name_without_an_address_is_refused() -> None:
    """Nothing to dial is not a reason to dial anything."""
    with pytest.raises(Forbidden):
        MAY.check_addresses("hooks.example.com", [])

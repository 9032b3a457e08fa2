"""Says to which addresses a notifier may connect: judged after resolving, address by address. It opens no connection.

A name proves nothing: whoever answers for it may say 169.254.169.254. So what counts is the address that is dialled.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# IPv6 that stands for an IPv4 address chosen by somebody else: 6to4, Teredo, NAT64. Nobody's notifier lives there.
_DISGUISES = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
_VISIBLE = frozenset(map(chr, range(0x21, 0x7F))) - set('\\"<>^`{|}')
URL_MAX = 2_000


class Forbidden(Exception):
    """This may not be connected to; the message says why, and never holds a path or a query."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the configuration lets a notifier talk to: hosts by name, and networks beside the public ones."""

    hosts: frozenset[str]
    networks: tuple[Network, ...] = ()

    def check_url(self, url: str) -> SplitResult:
        """The parts of an address that may be used as far as its text shows. Raises Forbidden."""
        parts = split(url)
        host = parts.hostname or ""
        if parts.scheme == "http" and not self._is_listed_loopback(host):
            raise Forbidden(f"http is for a loopback address that is listed in networks; {host} needs https")
        if host not in self.hosts and not self._is_listed_loopback(host):
            raise Forbidden(f"{host} is not among the hosts that it may talk to")
        return parts

    def check_addresses(self, host: str, found: Sequence[str]) -> list[str]:
        """The addresses of a host, all of which may be dialled. Raises Forbidden for the first that may not."""
        if not found:
            raise Forbidden(f"{host} has no address")
        for text in found:
            why = self._against(ipaddress.ip_address(text.partition("%")[0]))
            if why:
                raise Forbidden(f"{host} is at {text}, {why}")
        return list(found)

    def _against(self, address: Address) -> str:
        """What speaks against an address, empty for nothing."""
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return self._against(address.ipv4_mapped)
            if address.is_site_local:
                return "which is not public"
            if address != ipaddress.IPv6Address("::1") and any(address in network for network in _DISGUISES):
                return "which only stands for another address"
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            return "where no notifier can be"
        if any(address in network for network in self.networks if network.version == address.version):
            return ""
        if address.is_private or address.is_reserved or not address.is_global:
            return "which is not public and not in its networks"
        return ""

    def _is_listed_loopback(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback and not self._against(address)


def split(url: str) -> SplitResult:
    """The parts of a plain https or http address. Raises Forbidden for everything that could be read twice."""
    if len(url) > URL_MAX or not _VISIBLE.issuperset(url):
        raise Forbidden("the address has letters that do not belong in one")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("the address cannot be read") from None
    if parts.scheme not in ("https", "http"):
        raise Forbidden(f"the scheme is {parts.scheme[:20] or 'missing'}, not https")
    if not parts.hostname or parts.fragment or "@" in parts.netloc or "%" in parts.netloc or port == 0:
        raise Forbidden("the address is not a plain one such as https://alerts.example.com/hook")
    return parts


def _network(text: str) -> Network:
    network = ipaddress.ip_network(text)
    if network.is_link_local or network.is_multicast or network.prefixlen == 0:
        raise ValueError("no notifier can be there")
    return network


def check_network(text: str) -> str:
    """A network as text that can be one. Raises ValueError with a sentence."""
    try:
        _network(text)
    except ValueError as error:
        raise ValueError(f"{text!a} is not a network such as 10.20.0.0/16 or 127.0.0.1/32: {error}") from None
    return text


NetworkText = Annotated[str, AfterValidator(check_network)]


def allowed(hosts: Sequence[str], networks: Sequence[str]) -> Allowed:
    """From the texts of a configuration."""
    return Allowed(frozenset(host.lower() for host in hosts), tuple(map(_network, networks)))

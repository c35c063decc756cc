"""The addresses that may be called.

IANA's registries of special-purpose addresses say which are not public: RFC 6890 and what followed it. They stand here
by name, as Python's own tables differ from version to version.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from chatapp.per_loop import PerLoop

Address = IPv4Address | IPv6Address
_INSIDE = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # a carrier's NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols
        "192.0.2.0/24",  # documents
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # measurements
        "198.51.100.0/24",  # documents
        "203.0.113.0/24",  # documents
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # protocols; Teredo and ORCHID among them
        "2001:db8::/32",  # documents
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documents
    )
)
_LOOK_UPS = 8
_threads = PerLoop(lambda _: ThreadPool(_LOOK_UPS))  # of its own: name servers of strangers may be slow
_GLOBAL_UNICAST = ip_network("2000::/3")  # all else of IPv6 is mapped, NAT64, local, multicast or not given out


class NotAllowed(Exception):
    """An address that may not be called; the text says why, for the log."""


@dataclass(frozen=True)
class Destination:
    """The place of a URL. `host` is in lower case and ASCII; `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"http": 80, "https": 443}[self.scheme]
        return name if self.port == standard else f"{name}:{self.port}"


def read_url(url: str) -> Destination:
    """Return the place that a URL names. Raises NotAllowed for one that is none, or has a user name."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode().lower().rstrip(".")
        port = parts.port
    except ValueError:
        raise NotAllowed("it is no address") from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or "%" in host:
        raise NotAllowed("it is no web address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise NotAllowed("its path is not encoded")
    return Destination(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def addresses_of(destination: Destination, allow: Sequence[str]) -> list[Address]:
    """Look a place up, and return its addresses that may be called. Raises NotAllowed if there is none, or OSError.

    `allow` has hosts and networks that may be called by any port, without encryption too.
    """
    hosts, networks = _read_allowed(tuple(allow))
    found = _threads().apply(_look_up, (destination.host, destination.port))
    addresses = list(dict.fromkeys(ip_address(str(row[4][0]).partition("%")[0]) for row in found))
    if destination.host in hosts:
        return addresses
    is_usual = destination.scheme == "https" and destination.port == 443
    allowed = [
        address
        for address in addresses
        if any(address in network for network in networks) or (is_usual and is_public(address))
    ]
    if not allowed:
        raise NotAllowed("it is inside, or is not https: on port 443")
    return allowed


def _look_up(host: str, port: int) -> list[Any]:
    """Return what the system knows of a name; in a thread, which has no loop."""
    found: list[Any] = get_original("socket", "getaddrinfo")(host, port, type=socket.SOCK_STREAM)
    return found


def is_public(address: Address) -> bool:
    """Return True for an address that everybody on the internet reaches, and that stands for no other one."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in _INSIDE)


@lru_cache(maxsize=8)
def _read_allowed(allow: tuple[str, ...]) -> tuple[frozenset[str], tuple[IPv4Network | IPv6Network, ...]]:
    """Return the hosts and the networks of a setting."""
    hosts, networks = set(), []
    for entry in allow:
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            hosts.add(entry.lower().rstrip("."))
    return frozenset(hosts), tuple(networks)

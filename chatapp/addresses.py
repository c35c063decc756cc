"""The key under which limits count a client's address."""

import ipaddress
from functools import lru_cache

_V6_PREFIX = 64  # the smallest network that providers give to one customer
_LONGEST = 80
UNKNOWN = "unknown"


@lru_cache(maxsize=10_000)
def address_key(address: str | None) -> str:
    """Return the name under which an address is counted, everywhere the same.

    An IPv6 address counts as its /64 network: one customer has them all. IPv4 inside IPv6 (mapped, 6to4, NAT64),
    `ip:port`, brackets and zone are the address that they mean. All that is no address shares one name.
    """
    text = (address or "").strip()[:_LONGEST]
    found = _parsed(text) or _parsed(text.rpartition(":")[0])
    if found is None:
        return UNKNOWN
    if isinstance(found, ipaddress.IPv6Address):
        inner = _inner(found)
        if inner is None:
            return str(ipaddress.ip_network((int(found), _V6_PREFIX), strict=False))
        found = inner
    return str(found)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


_NAT64 = ipaddress.ip_network("64:ff9b::/96")

"""One call to an address that a user named.

A name is looked up once, and the connection goes to the address that was checked: a name server that answers otherwise
the next time changes nothing. urllib3 connects, with the name for TLS and Host, and without a proxy of the environment.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urljoin

import certifi
import gevent
import urllib3

from chatapp.outbound.reach import Address, Destination, NotAllowed, addresses_of, read_url

SECONDS = 5.0  # for everything: names, redirects and the body
MAX_BYTES = 1_000_000
MAX_REDIRECTS = 3
MAX_ADDRESSES = 2  # of one host that are tried
_REDIRECTS = (301, 302, 303, 307, 308)


class Unreachable(Exception):
    """There is no answer; the text says why, for the log."""


@dataclass(frozen=True)
class Answer:
    """An answer. `url` is where it is from, after redirects; `body` is cut at the most bytes that were asked for."""

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def fetch(url: str, *, allow: tuple[str, ...] = (), headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer to a GET within 5 s, its first MB, after three redirects at most, each checked anew.

    `allow` has hosts and networks beside the public internet. Raises NotAllowed and Unreachable.
    """
    sent = {"User-Agent": "chatapp", "Accept-Encoding": "identity", **(headers or {})}
    try:
        with gevent.Timeout(SECONDS, TimeoutError(f"longer than {SECONDS:g} seconds")):
            for _ in range(MAX_REDIRECTS + 1):
                answer = _call(url, allow, sent)
                if answer.status not in _REDIRECTS or "location" not in answer.headers:
                    return answer
                url = urljoin(url, answer.headers["location"])
    except (OSError, urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None
    raise Unreachable(f"more than {MAX_REDIRECTS} redirects")


def _call(url: str, allow: tuple[str, ...], headers: Mapping[str, str]) -> Answer:
    """Return the answer of the first address that takes the connection."""
    destination = read_url(url)
    failure: Exception = NotAllowed("it has no address")
    for address in addresses_of(destination, allow)[:MAX_ADDRESSES]:
        try:
            return _call_address(url, destination, address, headers)
        except urllib3.exceptions.NewConnectionError as error:
            failure = error
    raise failure


def _call_address(url: str, destination: Destination, address: Address, headers: Mapping[str, str]) -> Answer:
    with _connections(destination, address) as connections:
        response = connections.urlopen(
            "GET",
            destination.path,
            headers={**headers, "Host": destination.authority},
            redirect=False,
            retries=False,
            preload_content=False,
            assert_same_host=False,
        )
        try:
            body = b"" if response.status in _REDIRECTS else response.read(MAX_BYTES, decode_content=False)
            return Answer(url, response.status, {name.lower(): text for name, text in response.headers.items()}, body)
        finally:
            response.close()


def _connections(destination: Destination, address: Address) -> urllib3.HTTPConnectionPool:
    """Return connections to a checked address, with the host's name for TLS."""
    if destination.scheme == "http":
        return urllib3.HTTPConnectionPool(str(address), destination.port, timeout=SECONDS)
    return urllib3.HTTPSConnectionPool(
        str(address),
        destination.port,
        timeout=SECONDS,
        ssl_context=_authorities(certifi.where()),
        server_hostname=destination.host,
        assert_hostname=destination.host,
    )


@lru_cache(maxsize=1)
def _authorities(file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file)

"""The Redis that REDIS_URL names, as an operator wants to know it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import gevent
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from chatapp import clock
from chatapp.bus.redis_carrier import HELLO_CHANNEL, IsReplica, open_pool, refuse_replica

_SECONDS = 3.0
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A Redis that answers: its version, what it evicts when its memory is full ("noeviction": nothing; "unknown" where
    it does not say), and the seconds of a round trip."""

    version: str
    eviction: str
    round_trip: float


class Unusable(Exception):
    """Redis can't be used; the message is a sentence that names the address, never the password."""


def examine(url: str) -> RedisServer:
    """Return what Redis says of itself. Raises Unusable."""
    try:
        with gevent.Timeout(_SECONDS, Unusable(f"REDIS_URL: {_place(url)} does not answer.")):
            return _ask(Redis(connection_pool=open_pool(url)))
    except AuthenticationError:
        raise Unusable(f"REDIS_URL: {_place(url)} refuses the user or the password; correct them.") from None
    except IsReplica:
        raise Unusable(
            f"REDIS_URL: {_place(url)} is a replica; name its master, or an address that leads there."
        ) from None
    except (RedisError, OSError, ValueError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            raise Unusable(
                f"REDIS_URL: the certificate of {_place(url)} is not trusted; add ?ssl_ca_certs= with the file of its "
                "authority's certificate to the address, or ?ssl_cert_reqs=none."
            ) from None
        raise Unusable(
            f"REDIS_URL: {_place(url)} can't be used ({reason}); start Redis 6 or newer there, or correct the address."
        ) from None


def _ask(redis: Redis) -> RedisServer:
    with redis:
        refuse_replica(redis.execute_command("HELLO", 3))  # type: ignore[no-untyped-call]
        redis.publish(HELLO_CHANNEL, b"")  # nobody takes it for a hello: may this user do it?
        began = clock.monotonic()
        redis.ping()
        round_trip = clock.monotonic() - began
        info = redis.info("server")
        try:
            policy = redis.info("memory").get("maxmemory_policy", _UNKNOWN)
        except RedisError:  # hosts may forbid it
            policy = _UNKNOWN
        version = info.get("valkey_version") or info.get("redis_version", _UNKNOWN)
        return RedisServer(str(version), str(policy), round_trip)


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port or 6379}"
    except ValueError:
        return "its address"

"""Redis as operators have it: one that fails over to its replica, with TLS, users of its own, a database number."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from chatapp.bus import redis_server
from chatapp.bus.redis_carrier import RedisCarrier
from chatapp.lab.proxy import Proxy
from chatapp.lab.redis import Redis
from chatapp.lab.server import free_port
from tests.conftest import eventually
from tests.redis_server import NEEDS_REDIS
from tests.server import REAL_CLIENTS

pytestmark = [*REAL_CLIENTS, NEEDS_REDIS]
NAMES = ("one-aaaa", "two-bbbb")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Redis]]:
    """Start a redis-server with more options."""
    started: list[Redis] = []

    def make(**options: str) -> Redis:
        redis = Redis(tmp_path / f"redis-{len(started)}", options={k.replace("_", "-"): v for k, v in options.items()})
        started.append(redis)
        redis.start()
        return redis

    yield make
    for redis in started:
        redis.kill()


class Ends:
    """Two processes of two machines, which hear each other by Redis alone."""

    def __init__(self, url: str) -> None:
        self.heard: dict[str, list[bytes]] = {name: [] for name in NAMES}
        self.carriers = [RedisCarrier(url, "a chat", name) for name in NAMES]
        for carrier, name in zip(self.carriers, NAMES, strict=True):
            carrier.start(self.heard[name].append)

    def hear_each_other(self, word: bytes) -> None:
        """Let each say a word until the other has heard it."""

        def have_heard() -> bool:
            for carrier in self.carriers:
                carrier.send(word)
            return all(word in heard for heard in self.heard.values())

        eventually(have_heard)

    def stop(self) -> None:
        for carrier in self.carriers:
            carrier.stop()


@pytest.fixture
def ends() -> Iterator[Callable[[str], Ends]]:
    made: list[Ends] = []

    def make(url: str) -> Ends:
        made.append(Ends(url))
        return made[-1]

    yield make
    for pair in made:
        pair.stop()


def command(redis: Redis, *words: str) -> str:
    """Return what Redis answers to a command."""
    done = subprocess.run(["redis-cli", "-p", str(redis.port), *words], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def pair(start: Callable[..., Redis]) -> Iterator[tuple[Redis, Redis, Proxy]]:
    """A Redis, its replica that follows it, and the address of both, which leads to the first."""
    master = start()
    replica = start(replicaof=f"127.0.0.1 {master.port}")
    eventually(lambda: "master_link_status:up" in command(replica, "info", "replication"))
    address = Proxy("127.0.0.1", master.port)
    yield master, replica, address
    address.close()


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "made the replica of the other"])
def test_after_a_failover_all_hear_each_other_by_the_replica(pair, ends, is_killed):
    """Behind an address that stays. The first one may live on, and keep its connections."""
    master, replica, address = pair
    both = ends(f"redis://127.0.0.1:{address.port}/0")
    both.hear_each_other(b"before")
    if is_killed:
        master.kill()
    address.target = ("127.0.0.1", replica.port)
    command(replica, "replicaof", "no", "one")
    if not is_killed:
        command(master, "replicaof", "127.0.0.1", str(replica.port))
        both.carriers[0]._disconnect()  # this one comes back to the other Redis, that one stays with the first
    both.hear_each_other(b"after")
    assert all(carrier.is_up for carrier in both.carriers)


def test_a_replica_is_refused_with_a_sentence_and_carries_nothing(pair, ends):
    _, replica, _ = pair
    with pytest.raises(redis_server.Unusable, match=r"REDIS_URL: 127\.0\.0\.1:\d+ is a replica; name its master"):
        redis_server.examine(replica.url)
    both = ends(replica.url)
    gevent.sleep(0.5)
    assert not any(carrier.is_up for carrier in both.carriers)


SIGNED_BY_CA = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
FILES = {"cert": "redis.crt", "key": "redis.key", "ca_cert": "ca.crt"}


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder with a certificate authority of one's own, and a certificate for 127.0.0.1 by it."""
    made = [
        [
            "req",
            "-x509",
            "-newkey",
            "ed25519",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
            "-subj",
            "/CN=An authority",
        ],
        ["req", "-newkey", "ed25519", "-nodes", "-keyout", "redis.key", "-out", "redis.csr", "-subj", "/CN=redis"],
        ["x509", "-req", "-in", "redis.csr", *SIGNED_BY_CA, "-out", "redis.crt", "-extfile", "names"],
    ]
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for words in made:
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate is made by openssl")


@NEEDS_OPENSSL
def test_tls_with_an_authority_of_one_s_own(start, ends, authority):
    secure = str(free_port())
    files = {f"tls_{kind}_file": str(authority / name) for kind, name in FILES.items()}
    start(tls_port=secure, tls_auth_clients="no", **files)
    trusting = f"rediss://127.0.0.1:{secure}/0?ssl_ca_certs={authority / 'ca.crt'}"
    assert redis_server.examine(trusting).version
    ends(trusting).hear_each_other(b"over TLS")
    with pytest.raises(
        redis_server.Unusable, match=r"certificate of 127\.0\.0\.1:\d+ is not trusted; add \?ssl_ca_certs="
    ):
        redis_server.examine(f"rediss://127.0.0.1:{secure}/0")
    assert redis_server.examine(f"rediss://127.0.0.1:{secure}/0?ssl_cert_reqs=none").version


@pytest.mark.parametrize("database", ["", "/0", "/15"])
def test_a_user_of_one_s_own_and_any_database_number(start, ends, database):
    redis = start()
    rules = ["on", ">p@ss word", "resetchannels", "&chatapp:*", "-@all", "+@connection", "+@pubsub", "+info"]
    assert command(redis, "acl", "setuser", "chat", *rules).strip() == "OK"
    command(redis, "acl", "setuser", "default", "off")
    url = f"redis://chat:p%40ss%20word@127.0.0.1:{redis.port}{database}"
    assert redis_server.examine(url).eviction == "noeviction"
    ends(url).hear_each_other(b"by a user of our own")


def test_a_database_that_is_not_there_is_a_sentence(start):
    redis = start()
    with pytest.raises(redis_server.Unusable, match=f"REDIS_URL: 127.0.0.1:{redis.port} .*DB index is out of range"):
        redis_server.examine(f"redis://127.0.0.1:{redis.port}/99")

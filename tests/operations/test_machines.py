"""Several machines serve one chat: two gunicorn masters are two machines, and Redis or the database is between them."""

import itertools
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import gevent
import orjson
import pytest
import requests

from tests.conftest import MONGO, NEEDS_MONGO, eventually
from tests.device import Device
from tests.engine import raw
from tests.redis_server import NEEDS_REDIS, RedisProcess, running_redis
from tests.server import REAL_CLIENTS, Server, running

pytestmark = [*REAL_CLIENTS, NEEDS_MONGO]
SOON_SECONDS = 3.0  # a delivery while nothing fast carries takes no longer
HEARD = ("newMessage", "userOnline", "userOffline", "resync")
Start = Callable[..., list[Server]]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with running_redis(tmp_path) as redis:
        yield redis


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Start]:
    """Start machines on one database, each with these settings."""
    database = f"machines_{uuid.uuid4().hex[:12]}"
    numbers = count()
    with ExitStack() as stack:

        def start(*each: dict[str, str], **settings: str) -> list[Server]:
            made = []
            for own in each:
                folder = tmp_path / f"machine{next(numbers)}"
                folder.mkdir()
                own = {"MONGO_DATABASE": database, **settings, **own}
                made.append(stack.enter_context(running(folder, str(MONGO), fresh=True, **own)))
            return made

        yield start


class NoAffinity(requests.Session):
    """Sends each request to the next of these machines, as a router without affinity does."""

    def __init__(self, *servers: Server) -> None:
        super().__init__()
        self.choose(*servers)

    def choose(self, *servers: Server) -> None:
        """Send what comes from now on to these."""
        self.servers = itertools.cycle(servers)

    def request(self, method: Any, url: Any, *more: Any, **options: Any) -> requests.Response:
        path = url.partition("/socket.io/")[2]
        return super().request(method, f"{next(self.servers).url}/socket.io/{path}", *more, **options)


class Phone(Device):
    """A device of a person on one machine, with the time at which it was told of each message."""

    def __init__(
        self,
        server: Server,
        person: dict[str, Any],
        router: NoAffinity | None = None,
        transports: tuple[str, ...] = ("polling",),
    ) -> None:
        self.at: dict[str, float] = {}
        ways = ["websocket"] if router is None else list(transports)
        options = {"reconnection_delay": 0.1, "request_timeout": 20, "http_session": router}
        super().__init__(server.url, person["token"], HEARD, ways, reconnection=router is not None, **options)

    def listen(self) -> None:
        self.client.on("newMessage", self._heard)

    def _heard(self, message: Any) -> None:
        self.told["newMessage"].append(message)
        self.at[message["data"]["content"]] = time.monotonic()


@pytest.fixture
def phones() -> Iterator[Callable[..., Phone]]:
    made: list[Phone] = []

    def make(server: Server, person: Any, *more: Any) -> Phone:
        made.append(Phone(server, person, *more))
        return made[-1]

    yield make
    for phone in made:
        phone.client.disconnect()


def two_people(server: Server) -> tuple[Any, Any, str]:
    """Return two people, and the id of their conversation."""
    answers = [server.register(name) for name in ("ann", "bob")]
    ann, bob = ({"id": answer["data"]["id"], "token": answer["token"]} for answer in answers)
    body = {"type": "direct", "participants": [bob["id"]]}
    return ann, bob, str(server.call("POST", "/api/user/conversations", ann, body)["data"]["id"])


def readiness(server: Server) -> Any:
    answer = requests.get(f"{server.url}/api/health/ready", timeout=5)
    assert answer.status_code == 200
    return answer.json()


def bus_of(server: Server) -> str:
    """Return how this machine says that it hears others."""
    return str(readiness(server)["details"]["bus"])


def hear_each_other(servers: list[Server], state: str = "ok") -> None:
    for server in servers:
        eventually(lambda server=server: bus_of(server) == state)


def logged(server: Server, *words: str) -> list[str]:
    """Return the lines of the log that have all these words."""
    lines = (server.folder / "server.log").read_text().splitlines()
    return [line for line in lines if all(word in line for word in words)]


def talk(sender: Phone, chat: str, count: int, *, pause: float = 0.05) -> dict[str, float]:
    """Send messages; return when each was acknowledged, by its text."""
    acknowledged = {}
    for _ in range(count):
        text = uuid.uuid4().hex
        sender.send(chat, text)
        acknowledged[text] = time.monotonic()
        gevent.sleep(pause)
    return acknowledged


@NEEDS_REDIS
@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_said_on_one_machine_is_heard_on_the_other_at_once_and_in_order(machines, redis, phones, workers):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url, WEB_CONCURRENCY=workers)
    hear_each_other(servers)
    ann, bob, chat = two_people(one)
    of_ann, of_bob = phones(one, ann), phones(two, bob)
    eventually(lambda: of_ann.told["userOnline"])
    said = [phone.send(chat, str(number)) for number in range(10) for phone in (of_ann, of_bob)]
    assert said == list(range(said[0], said[0] + 20))
    for phone in (of_ann, of_bob):
        eventually(lambda phone=phone: len(phone.seqs) >= 20)
        assert phone.seqs == said
    history = two.call("GET", f"/api/conversations/{chat}/messages", ann)["data"]
    assert len(history) == 20
    of_bob.client.disconnect()
    eventually(lambda: of_ann.told["userOffline"])


def lateness(heard: Phone, acknowledged: dict[str, float]) -> list[float]:
    eventually(lambda: heard.at.keys() >= acknowledged.keys())
    return sorted(heard.at[text] - moment for text, moment in acknowledged.items())


@NEEDS_REDIS
@pytest.mark.parametrize("fault", ["killed and restarted empty", "paused"])
def test_redis_may_go_and_come_back_and_every_send_is_acknowledged_and_heard_once(machines, redis, phones, fault):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url)
    hear_each_other(servers)
    ann, bob, chat = two_people(one)
    of_ann, of_bob = phones(one, ann), phones(two, bob)
    before = talk(of_ann, chat, 10)
    sending = gevent.spawn(talk, of_ann, chat, 200)
    eventually(lambda: len(of_bob.seqs) > 15)
    (redis.kill if fault != "paused" else redis.pause)()
    hear_each_other(servers, "degraded")
    assert not sending.dead
    (redis.start if fault != "paused" else redis.resume)()
    hear_each_other(servers)
    sending.join()
    after = talk(of_ann, chat, 10)
    late = lateness(of_bob, before | sending.value | after)
    assert len(late) == 220
    assert of_bob.seqs == sorted(set(of_bob.seqs))
    assert late[-1] < SOON_SECONDS
    assert not of_ann.told["resync"] and not of_bob.told["resync"]
    assert of_ann.seqs == of_bob.seqs


def test_without_redis_the_second_machine_is_noticed_and_hears_late_through_the_database(machines, phones):
    one, two = servers = machines({}, {}, METRICS_TOKEN="")
    hear_each_other(servers, "degraded")
    for server in servers:
        assert len(logged(server, "other machines are heard late", "REDIS_URL")) == 1
    ann, bob, chat = two_people(one)
    of_ann, of_bob = phones(one, ann), phones(two, bob)
    talks = [gevent.spawn(talk, phone, chat, 20) for phone in (of_ann, of_bob)]
    gevent.joinall(talks)
    for phone in (of_ann, of_bob):
        assert lateness(phone, talks[0].value | talks[1].value)[-1] < SOON_SECONDS
        assert phone.seqs == sorted(set(phone.seqs))
    eventually(lambda: of_ann.told["userOnline"])


def test_a_machine_that_begins_disturbs_nobody_on_the_one_that_was_there(machines, phones):
    (one,) = machines({})
    ann, bob, chat = two_people(one)
    of_ann = phones(one, ann)
    of_ann.send(chat, "before there were two")
    (two,) = machines({})
    hear_each_other([one, two], "degraded")
    of_bob = phones(two, bob)
    acknowledged = talk(of_ann, chat, 5)
    assert lateness(of_bob, acknowledged)[-1] < SOON_SECONDS
    assert not of_ann.told["resync"]


def test_one_machine_alone_says_nothing_of_others(machines):
    (one,) = machines({})
    assert bus_of(one) == "alone"
    two_people(one)
    assert not logged(one, "other machines")
    metrics = requests.get(f"{one.url}/metrics", timeout=5).text
    assert 'what="batches out"' not in metrics


@NEEDS_REDIS
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("JWT_SECRET", "another-secret-of-a-test-" + "1" * 32, "another JWT_SECRET"),
        ("MONGO_DATABASE", f"machines_{uuid.uuid4().hex[:12]}", "another MONGO_DATABASE"),
    ],
)
def test_machines_that_can_t_hear_each_other_both_say_why(machines, redis, name, value, words):
    servers = machines({}, {name: value}, REDIS_URL=redis.url)
    for server in servers:
        eventually(lambda server=server: logged(server, "can't be heard", words))
        assert bus_of(server) == "alone"


@NEEDS_REDIS
def test_a_machine_that_is_killed_takes_its_users_offline_elsewhere(machines, redis, phones):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url)
    hear_each_other(servers)
    ann, bob, _ = two_people(one)
    of_ann = phones(one, ann)
    phones(two, bob)
    eventually(lambda: of_ann.told["userOnline"])
    began = time.monotonic()
    kill(two)
    eventually(lambda: of_ann.told["userOffline"])
    assert time.monotonic() - began < 15


@NEEDS_REDIS
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_client_that_polls_another_machine_each_time_sends_and_hears_in_order_and_once(
    machines, redis, phones, workers
):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url, WEB_CONCURRENCY=workers)
    hear_each_other(servers)
    ann, bob, chat = two_people(one)
    of_ann, of_bob = phones(one, ann), phones(two, bob, NoAffinity(*servers))
    eventually(lambda: of_ann.told["userOnline"])
    said = [phone.send(chat, f"{number} {'€' * 9_000}") for number in range(30) for phone in (of_ann, of_bob)]
    assert said == list(range(said[0], said[0] + 60))
    for phone in (of_ann, of_bob):
        eventually(lambda phone=phone: len(phone.seqs) >= 60)
        assert phone.seqs == said
    assert of_bob.client.transport() == "polling"


@NEEDS_REDIS
def test_a_session_moves_to_a_websocket_through_another_machine_and_goes_on_when_its_owner_restarts(
    machines, redis, phones
):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url)
    hear_each_other(servers)
    ann, bob, chat = two_people(one)
    router = NoAffinity(two)  # only the WebSocket comes to the first machine
    of_ann, of_bob = phones(one, ann), phones(one, bob, router, ("polling", "websocket"))
    eventually(lambda: of_ann.told["userOnline"])
    assert of_bob.client.transport() == "websocket"
    said = [phone.send(chat, str(number)) for number in range(100) for phone in (of_ann, of_bob)]
    for phone in (of_ann, of_bob):
        eventually(lambda phone=phone: len(phone.seqs) >= 200)
        assert phone.seqs == said
    session = of_bob.client.eio.sid
    router.choose(one)
    two.stop()
    eventually(lambda: of_bob.client.connected and of_bob.client.eio.sid not in (None, session))
    seq = of_ann.send(chat, "welcome back")
    eventually(lambda: seq in of_bob.seqs)


@NEEDS_REDIS
def test_a_machine_that_stops_ends_no_session_of_another_one(machines, redis, phones):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url)
    hear_each_other(servers)
    ann, bob, chat = two_people(two)
    router = NoAffinity(two, one)  # so that the session is the second machine's, and the first poll comes to the first
    of_ann, of_bob = phones(two, ann), phones(two, bob, router)
    eventually(lambda: of_ann.told["userOnline"])
    session = of_bob.client.eio.sid
    router.choose(two)
    one.stop()
    said = [of_ann.send(chat, str(number)) for number in range(3)]
    eventually(lambda: len(of_bob.seqs) >= 3)
    assert of_bob.seqs == said
    assert of_bob.client.eio.sid == session


def kill(server: Server) -> None:
    """Let a machine lose its power."""
    assert server.process is not None
    workers = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    server.stop(signal.SIGKILL)  # the master first: it would start others
    for worker in workers:
        os.kill(int(worker), signal.SIGKILL)


@NEEDS_REDIS
def test_a_client_whose_owner_is_killed_is_back_through_the_machine_that_it_asked(machines, redis, phones):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url)
    hear_each_other(servers)
    ann, bob, chat = two_people(one)
    router = NoAffinity(two, one)
    of_ann, of_bob = phones(one, ann), phones(two, bob, router)
    eventually(lambda: of_ann.told["userOnline"])
    router.choose(one)
    of_bob.send(chat, "from another machine")
    session = of_bob.client.eio.sid
    kill(two)
    eventually(lambda: of_bob.client.connected and of_bob.client.eio.sid not in (None, session))
    seq = of_ann.send(chat, "welcome back")
    eventually(lambda: seq in of_bob.seqs)


@NEEDS_REDIS
def test_a_client_that_hangs_up_in_the_middle_of_a_poll_finds_everything_when_it_is_back(machines, redis, phones):
    one, two = servers = machines({}, {}, REDIS_URL=redis.url)
    hear_each_other(servers)
    ann, bob, chat = two_people(one)
    of_ann = phones(one, ann)
    polling = raw.Polling(f"{two.url}/socket.io/?EIO=4&transport=polling").open()
    assert polling.post(f'40{{"token":"{bob["token"]}"}}').text == "ok"
    polling.url = polling.url.replace(two.url, one.url)
    eventually(lambda: of_ann.told["userOnline"] or polling.get())
    with pytest.raises(requests.ReadTimeout):
        while True:
            polling.get(timeout=1)
    eventually(lambda: of_ann.told["userOffline"])
    seq = of_ann.send(chat, "while nobody listens")
    assert polling.get().json()["message"] == "Session ID unknown"
    history = two.call("GET", f"/api/conversations/{chat}/messages", bob)["data"]
    assert seq in [message["seq"] for message in history]


def test_production_refuses_a_redis_that_can_t_be_used_and_development_warns(tmp_path):
    settings = {"REDIS_URL": "redis://:a-password@127.0.0.1:1/0", "MONGO_DATABASE": f"machines_{uuid.uuid4().hex[:12]}"}
    with running(tmp_path, str(MONGO), fresh=True, **settings) as server:
        (line,) = logged(server, "Redis can't be used")
        assert "127.0.0.1:1" in orjson.loads(line)["why"]
        server.stop()
        server.settings |= {
            "APP_ENV": "production",
            "CORS_ORIGINS": "https://chat.example.com",
            "JWT_SECRET": uuid.uuid4().hex,
        }
        with pytest.raises(AssertionError, match=r"REDIS_URL: 127.0.0.1:1 can't be used \(.*; start Redis 6 or newer"):
            server.start()
    assert "a-password" not in (tmp_path / "server.log").read_text()

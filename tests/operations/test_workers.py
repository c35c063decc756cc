"""Several workers serve one chat: whoever comes to which worker, by whichever transport, sees one server."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
import orjson
import pytest
import requests
import socketio

from chatapp.lab.forks import ROOT
from tests.conftest import MONGO, NEEDS_MONGO, eventually
from tests.device import Device
from tests.server import REAL_CLIENTS, Server, running

pytestmark = [*REAL_CLIENTS, NEEDS_MONGO]
WORKERS = 3
ROUNDS = 20
HEARD = (
    "ready",
    "newMessage",
    "userOnline",
    "userOffline",
    "receipt",
    "userTyping",
    "sessionRevoked",
    "socketReplaced",
    "entry",
    "message:edited",
    "message:deleted",
)
WAYS = (["polling"], ["polling", "websocket"], ["websocket"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"WEB_CONCURRENCY": str(WORKERS), "MONGO_DATABASE": f"workers_{uuid.uuid4().hex[:12]}"}
    with running(tmp_path_factory.mktemp("workers"), str(MONGO), fresh=True, **settings) as server:
        everybody_is_there(server)
        yield server


def workers_of(server: Server) -> list[int]:
    """Return the process ids of the workers."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def everybody_is_there(server: Server) -> None:
    """Wait until every worker serves, and takes what others pass on to it."""
    found: set[str] = set()

    def are_all_found() -> bool:
        address = f"{server.url}/socket.io/?EIO=4&transport=polling"
        sid = requests.get(address, timeout=5).text.partition('"sid":"')[2].partition('"')[0]
        requests.post(f"{address}&sid={sid}", data="1", timeout=5)  # close it again
        found.add(sid.partition(".")[0])
        return len(found) >= WORKERS

    log = server.folder / "server.log"
    eventually(lambda: log.read_text().count("worker started") >= WORKERS - 1)
    eventually(are_all_found)


_names = iter(range(1_000_000))


def people(server: Server, count: int) -> list[dict[str, Any]]:
    """Register people; each has `id` and `token`."""
    found = []
    for _ in range(count):
        answer = server.register(f"person{next(_names)}")
        found.append({"id": answer["data"]["id"], "token": answer["token"]})
    return found


def group_of(server: Server, persons: list[dict[str, Any]]) -> str:
    body = {"type": "group", "name": "Crew", "participants": [person["id"] for person in persons[1:]]}
    return str(server.call("POST", "/api/user/conversations", persons[0], body)["data"]["id"])


def direct(server: Server, one: dict[str, Any], other: dict[str, Any]) -> str:
    body = {"type": "direct", "participants": [other["id"]]}
    return str(server.call("POST", "/api/user/conversations", one, body)["data"]["id"])


def owner_of(client: Any) -> str:
    """Return the name of the worker that owns this socket."""
    return str(client.eio.sid.partition(".")[0])


class Phone(Device):
    """A device of a person, on whichever worker it came to."""

    def __init__(self, server: Server, person: dict[str, Any], transports: list[str]) -> None:
        self.person = person
        super().__init__(server.url, person["token"], HEARD, transports, reconnection=False)


@pytest.fixture
def phones(server):
    """Make phones that are put away at the end."""
    made: list[Phone] = []

    def make(person: dict[str, Any], transports: list[str]) -> Phone:
        made.append(Phone(server, person, transports))
        return made[-1]

    yield make
    for phone in made:
        phone.client.disconnect()


def on_all_workers(phones: Any, person: dict[str, Any]) -> list[Phone]:
    """Return phones of this person, with one at least on each worker."""
    made: list[Phone] = []
    while len({owner_of(phone.client) for phone in made}) < WORKERS:
        made.append(phones(person, ["websocket"]))
        assert len(made) <= 5 * WORKERS
    return made


def test_everybody_hears_everything_once_and_in_order_whichever_worker_they_came_to(server, phones):
    crew = people(server, 4)
    chat = group_of(server, crew)
    devices = [phones(person, way) for person in crew for way in WAYS]
    owners = Counter(owner_of(device.client) for device in devices)
    assert len(owners) == WORKERS
    said = [device.send(chat, f"round {number}") for number in range(5) for device in devices[1::3]]
    assert sorted(said) == said
    for device in devices:
        eventually(lambda device=device: len(device.seqs) >= len(said))
        assert device.seqs == said


def test_ready_says_how_many_workers_there_are(server, phones):
    (ann,) = people(server, 1)
    for phone in on_all_workers(phones, ann):
        eventually(lambda phone=phone: phone.told["ready"])
        assert phone.told["ready"][0]["processes"] == WORKERS


def test_senders_on_all_workers_at_once_are_put_into_one_order(server, phones):
    crew = people(server, 4)
    chat = group_of(server, crew)
    devices = [phones(person, way) for person in crew for way in WAYS[1:]]
    talking = [gevent.spawn(lambda d=device: [d.send(chat, str(number)) for number in range(5)]) for device in devices]
    said = sorted(seq for greenlet in talking for seq in (greenlet.join(), greenlet.value)[1])
    assert said == list(range(said[0], said[0] + len(said)))
    for device in devices:
        eventually(lambda device=device: len(device.seqs) >= len(said))
        assert device.seqs == said


def test_what_was_acknowledged_is_there_for_the_next_call_wherever_it_goes(server):
    """Every call has a connection of its own, so that most of them come to another worker."""
    ann, bob = people(server, 2)
    chat = direct(server, ann, bob)
    for number in range(ROUNDS):
        sent = server.call("POST", f"/api/conversations/{chat}/messages", ann, {"content": f"message {number}"})["data"]
        listed = server.call("GET", "/api/user/conversations", bob)["data"][0]
        assert listed["lastMessage"]["content"] == f"message {number}"
        history = server.call("GET", f"/api/conversations/{chat}/messages", bob)["data"]
        assert f"message {number}" in str(history[-1]) + str(history[0])
        synced = server.call("POST", "/api/sync", bob, {"cursors": {chat: sent["seq"]}})["data"]
        assert not [row for row in synced["conversations"] if row.get("reset")]
        answered = server.call("POST", f"/api/conversations/{chat}/messages", bob, {"content": "yes"})["data"]
        assert answered["seq"] == sent["seq"] + 1


def test_edits_and_deletions_are_known_and_heard_whichever_worker_does_them(server, phones):
    """Every call has a connection of its own, so that most of them come to another worker."""
    ann, bob = people(server, 2)
    chat = direct(server, ann, bob)
    everywhere = on_all_workers(phones, bob)
    for number in range(ROUNDS // 4):
        fields = {"content": f"frist {number}", "clientMsgId": f"sent {number}"}
        sent = server.call("POST", f"/api/conversations/{chat}/messages", ann, fields)["data"]
        path, text = f"/api/messages/{sent['id']}", f"first {number}"
        assert server.call("PATCH", path, ann, {"content": text})["data"]["content"] == text
        assert server.call("GET", "/api/user/conversations", bob)["data"][0]["lastMessage"]["content"] == text
        repeated = server.call("POST", f"/api/conversations/{chat}/messages", ann, fields)
        assert repeated["duplicate"] and repeated["data"]["content"] == text
        assert server.call("DELETE", path, ann)["success"]
        listed = server.call("GET", "/api/user/conversations", bob)["data"][0]
        assert (listed["lastMessage"]["deleted"], listed["unreadCount"]) == (True, 0)
        assert server.call("PATCH", path, ann, {"content": "again"})["error"]["code"] == "MESSAGE_DELETED"
        for phone in everywhere:
            eventually(lambda phone=phone, count=number + 1: len(phone.told["message:deleted"]) >= count)
            assert phone.told["message:edited"][number]["newContent"] == text
            assert phone.told["message:deleted"][number]["messageId"] == sent["id"]
            assert not phone.told["entry"]


def test_a_long_poll_hears_at_once_of_what_another_worker_stores(server):
    ann, bob = people(server, 2)
    chat = direct(server, ann, bob)
    since = server.call("POST", "/api/sync", bob, {})["data"]["next"]
    repeated = 0
    for number in range(ROUNDS // 2):
        sent_at: list[float] = []

        def send(number: int = number, sent_at: list[float] = sent_at) -> None:
            gevent.sleep(0.5)
            server.call("POST", f"/api/conversations/{chat}/messages", ann, {"content": str(number)})
            sent_at.append(time.monotonic())

        sending = gevent.spawn(send)
        entries: list[Any] = []
        while not entries:
            found = server.call("POST", "/api/sync?timeout=20", bob, {"since": since, "cursors": {chat: number}})[
                "data"
            ]
            since = found["next"]
            entries = [entry["seq"] for row in found["conversations"] for entry in row["entries"]]
            repeated += not entries
        heard_at = time.monotonic()
        sending.join()
        assert entries == [number + 1]
        assert heard_at - sent_at[0] < 5
    assert repeated <= 3 * ROUNDS  # state that changed a moment ago may be told again, not for ever


def test_no_receipt_is_missed_by_syncs_at_other_workers(server):
    ann, bob = people(server, 2)
    chat = direct(server, ann, bob)
    since = server.call("POST", "/api/sync", ann, {})["data"]["next"]
    for number in range(1, ROUNDS):
        server.call("POST", f"/api/conversations/{chat}/messages", ann, {"content": str(number)})
        server.call("POST", f"/api/conversations/{chat}/read", bob, {})
        told = []
        for _ in range(3):
            found = server.call("POST", "/api/sync", ann, {"since": since, "cursors": {chat: number}})["data"]
            since = found["next"]
            told += [receipt["readSeq"] for row in found["conversations"] for receipt in row.get("receipts", ())]
        assert number in told, (number, told)


def test_a_user_is_online_while_any_worker_has_a_device_of_theirs(server, phones):
    ann, bob = people(server, 2)
    server.call("POST", "/api/user/conversations", ann, {"type": "direct", "participants": [bob["id"]]})
    watching = on_all_workers(phones, ann)
    mine = on_all_workers(phones, bob)
    for phone in watching:
        eventually(lambda phone=phone: phone.told["userOnline"])
    for phone in mine[:-1]:
        phone.client.disconnect()
    time.sleep(0.5)
    assert not any(phone.told["userOffline"] for phone in watching)
    mine[-1].client.disconnect()
    for phone in watching:
        eventually(lambda phone=phone: phone.told["userOffline"])
        assert len(phone.told["userOffline"]) == 1
        assert len(phone.told["userOnline"]) == 1


def test_a_user_whose_devices_leave_all_workers_at_once_is_offline_for_all(server, phones):
    ann, bob = people(server, 2)
    direct(server, ann, bob)
    watching = on_all_workers(phones, ann)
    on_all_workers(phones, bob)
    for phone in watching:
        eventually(lambda phone=phone: phone.told["userOnline"])
    assert server.call("POST", "/api/auth/logout", bob, {})["success"]  # the session's sockets are closed everywhere
    for phone in watching:
        eventually(lambda phone=phone: phone.told["userOffline"])


def test_the_master_reads_its_settings_again_and_the_workers_find_each_other(tmp_path):
    settings = {"WEB_CONCURRENCY": "2", "MONGO_DATABASE": f"workers_{uuid.uuid4().hex[:12]}", "TMPDIR": str(tmp_path)}
    with running(tmp_path, str(MONGO), fresh=True, **settings) as server:
        (ann,) = people(server, 1)
        before = set(workers_of(server))
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(now := set(workers_of(server))) == 2 and not now & before)
        eventually(server.is_healthy)
        assert len(list(tmp_path.glob("chatapp-*"))) == 1
        made: list[Phone] = []
        while len({owner_of(phone.client) for phone in made}) < 2:
            made.append(Phone(server, ann, ["polling"]))
            assert len(made) <= 10
        for phone in made:
            phone.client.disconnect()


def test_who_polls_on_one_worker_is_online_on_all(server, phones):
    ann, bob = people(server, 2)
    direct(server, ann, bob)
    watching = on_all_workers(phones, ann)
    since = server.call("POST", "/api/sync", bob, {})["data"]["next"]
    polling = gevent.spawn(server.call, "POST", "/api/sync?timeout=3", bob, {"since": since, "cursors": {}})
    for phone in watching:
        eventually(lambda phone=phone: phone.told["userOnline"])
    time.sleep(1.2)
    for phone in watching:
        online = phone.client.call("onlineUsers", timeout=10)
        assert bob["id"] in str(online)
    polling.join()


def test_a_session_that_is_ended_is_over_on_every_worker_at_once(server, phones):
    (ann,) = people(server, 1)
    devices = [phones(ann, ["websocket"]) for _ in range(WORKERS)]
    for _ in range(2 * WORKERS):
        assert server.call("GET", "/api/user/conversations", ann)["success"]
    assert server.call("POST", "/api/auth/logout", ann, {})["success"]
    for _ in range(2 * WORKERS):
        assert server.call("GET", "/api/user/conversations", ann)["error"]["code"] == "TOKEN_REVOKED"
    for device in devices:
        eventually(lambda device=device: not device.client.connected)


def test_a_limit_is_one_for_all_workers(tmp_path):
    settings = {"WEB_CONCURRENCY": str(WORKERS), "RATE_LOGIN_ACCOUNT": "20 per 15 minutes"}
    settings["MONGO_DATABASE"] = f"workers_{uuid.uuid4().hex[:12]}"
    with running(tmp_path, str(MONGO), fresh=True, **settings) as server:
        everybody_is_there(server)
        server.register("ann")
        wrong = {"email": "ann@test.com", "password": "wrong password"}
        codes = [server.call("POST", "/api/auth/login", None, wrong)["error"]["code"] for _ in range(60)]
    assert codes[-1] == "RATE_LIMITED"
    assert codes.count("INVALID_CREDENTIALS") <= 24


def test_a_user_has_so_many_sockets_over_all_workers(tmp_path):
    """The socket that makes room is the session's oldest, on whichever worker it is; another session gets no room."""
    settings = {"WEB_CONCURRENCY": str(WORKERS), "MAX_SOCKETS_PER_USER": str(WORKERS)}
    settings["MONGO_DATABASE"] = f"workers_{uuid.uuid4().hex[:12]}"
    with running(tmp_path, str(MONGO), fresh=True, **settings) as server:
        everybody_is_there(server)
        (ann,) = people(server, 1)
        devices = [Phone(server, ann, ["websocket"]) for _ in range(3 * WORKERS)]
        for replaced in devices[:-WORKERS]:
            eventually(lambda replaced=replaced: not replaced.client.connected)
            assert [told["code"] for told in replaced.told["socketReplaced"]] == ["RATE_LIMITED"]
        assert len({owner_of(phone.client) for phone in devices[-WORKERS:]}) > 1
        log_in = {"email": f"person{next(_names) - 1}@test.com", "password": "password123"}
        again = server.call("POST", "/api/auth/login", None, log_in)
        with pytest.raises(socketio.exceptions.ConnectionError):
            Phone(server, {"token": again["token"]}, ["websocket"])
        for kept in devices[-WORKERS:]:
            assert kept.client.call("testSocket", timeout=10)["success"]
            kept.client.disconnect()


def operator(server: Server, *command: str) -> dict[str, Any]:
    """Return what one of the operator's commands answers."""
    words = [sys.executable, "-m", "flask", *command, "--json"]
    answer = subprocess.run(words, cwd=ROOT, env=server.environment, capture_output=True, timeout=60)
    return dict(orjson.loads(answer.stdout))


def findings(server: Server, *options: str) -> dict[str, tuple[str, str]]:
    """Return what the doctor says of each check: (state, sentence)."""
    rows = operator(server, "doctor", *options)["checks"]
    return {row["name"]: (row["state"], row["sentence"]) for row in rows}


def test_the_operator_sees_every_worker(server):
    listed = operator(server, "processes")["processes"]
    assert {row["worker"] for row in listed} == set(workers_of(server))
    assert len({row["machine"] for row in listed}) == 1
    said = findings(server)
    assert said["moved connections"] == ("ok", f"each of {WORKERS} workers answers on connections that came to any")
    assert [said[name][0] for name in ("bus", "clocks", "redis")] == ["ok", "ok", "skipped"], said


def test_the_doctor_names_a_worker_that_is_frozen(tmp_path):
    settings = {"WEB_CONCURRENCY": str(WORKERS), "MONGO_DATABASE": f"workers_{uuid.uuid4().hex[:12]}"}
    with running(tmp_path, str(MONGO), fresh=True, **settings) as server:
        everybody_is_there(server)
        eventually(lambda: len(operator(server, "processes")["processes"]) == WORKERS)
        frozen = workers_of(server)[-1]
        (name,) = [row["name"] for row in operator(server, "processes")["processes"] if row["worker"] == frozen]
        os.kill(frozen, signal.SIGSTOP)
        try:
            state, sentence = findings(server, "--timeout", "2")["moved connections"]
            assert state == "problem" and name in sentence
        finally:
            os.kill(frozen, signal.SIGCONT)


def counted(server: Server, name: str) -> float:
    """Return the sum of a metric over its labels."""
    lines = requests.get(f"{server.url}/metrics", timeout=5).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + " ", name + "{")))


def test_metrics_are_the_sums_of_all_workers(server, phones):
    ann, bob = people(server, 2)
    chat = direct(server, ann, bob)
    before = counted(server, "chatapp_messages_sent_total")
    devices = [phones(person, ["websocket"]) for person in (ann, bob) for _ in range(WORKERS)]
    for device in devices:
        device.send(chat, "counted")
    assert counted(server, "chatapp_messages_sent_total") == before + len(devices)
    assert counted(server, "chatapp_sockets") == len(devices)
    eventually(lambda: counted(server, "chatapp_worker_sockets") == len(devices))
    assert counted(server, "chatapp_connections_moved_total") > 0
    assert counted(server, "chatapp_database_up") == 1


def test_a_worker_that_is_killed_takes_nothing_with_it(tmp_path):
    settings = {"WEB_CONCURRENCY": str(WORKERS), "MONGO_DATABASE": f"workers_{uuid.uuid4().hex[:12]}"}
    with running(tmp_path, str(MONGO), fresh=True, **settings) as server:
        everybody_is_there(server)
        ann, bob = people(server, 2)
        chat = direct(server, ann, bob)
        watching = [Phone(server, ann, ["websocket"]) for _ in range(WORKERS)]
        (phone,) = (Phone(server, bob, ["websocket"]) for _ in range(1))
        acknowledged = [phone.send(chat, str(number)) for number in range(5)]
        before = set(workers_of(server))
        for pid in sorted(before):
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: len(workers_of(server)) == WORKERS)
            if not phone.client.connected:
                break
            time.sleep(0.5)
        eventually(lambda: not phone.client.connected)
        eventually(lambda: requests.get(f"{server.url}/api/health", timeout=5).ok)
        history = server.call("GET", f"/api/conversations/{chat}/messages", ann)["data"]
        assert sorted(message["seq"] for message in history) == acknowledged
        alive = [phone for phone in watching if phone.client.connected]
        began = time.monotonic()
        for other in alive:
            eventually(lambda other=other: other.told["userOffline"])
        assert time.monotonic() - began < 15
        again = Phone(server, bob, ["polling"])
        assert again.send(chat, "I am back") == acknowledged[-1] + 1
        for other in [*alive, again]:
            eventually(lambda other=other: acknowledged[-1] + 1 in other.seqs)
            other.client.disconnect()


@pytest.mark.parametrize("count", [2])
def test_the_whole_stops_quickly_and_leaves_no_folder(tmp_path, count):
    settings = {
        "WEB_CONCURRENCY": str(count),
        "MONGO_DATABASE": f"workers_{uuid.uuid4().hex[:12]}",
        "TMPDIR": str(tmp_path),
    }
    with running(tmp_path, str(MONGO), fresh=True, **settings) as server:
        assert list(tmp_path.glob("chatapp-*"))
        assert oct(next(iter(tmp_path.glob("chatapp-*"))).stat().st_mode)[-3:] == "700"
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 10
        assert not list(tmp_path.glob("chatapp-*"))

"""Every query of the product names the shard key of its collection, but those that docs/scale.md lists."""

import ast
import io
import re
from datetime import timedelta

import pytest
from bson import ObjectId

from chatapp import clock, state
from chatapp.database import db, is_embedded
from chatapp.services import migrations, presence
from chatapp.services.accounts import sessions
from chatapp.services.log import catch_up, recent, rounds, verify
from chatapp.services.search import healing, indexing
from chatapp.services.sync import change_times
from chatapp.stores import changed_messages
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores import memberships as membership_store
from chatapp.stores import search as search_store
from chatapp.stores import sessions as session_store
from tests.conftest import PASSWORD
from tests.server import ROOT
from tests.stores.queries import SHARD_KEYS, names_shard, record

ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \| `([\w.]+)` \| (\w+)", re.MULTILINE)
# Stores of collections that are not sharded; what they look up in others is listed.
UNSHARDED = ("users", "meta", "bus", "processes", "media", "media_uses")


def listed():
    """Return the table of docs/scale.md: {(where, collection): "one" or "all"}."""
    text = (ROOT / "docs" / "scale.md").read_text()
    rows = ROW.findall(text)
    assert all(SHARD_KEYS[collection] == key for collection, key, _, _, _ in rows)
    return {(where, collection): shards for collection, _, _, where, shards in rows}


def log_in(client, **more):
    body = {"email": "ann@test.com", "password": PASSWORD, "protocol": 2, **more}
    return client.post("/api/auth/login", json=body).json


def live_a_day(client, register, settings):
    """Do everything that the product does."""
    ann, bob, eve, dan = (register(name) for name in ("ann", "bob", "eve", "dan"))
    direct, group = _meet(ann, bob, eve)
    _talk(ann, bob, eve, direct, group)
    _sync(ann, bob, settings, direct, group)
    _change_the_group(ann, bob, eve, dan, group)
    _look_around(ann, bob, settings)
    _log_in_and_out(client, ann, settings)
    _keep_house(group)


def _meet(ann, bob, eve):
    founding = {"type": "group", "participants": [bob.id, eve.id], "name": "Team", "clientMsgId": "one"}
    group = ann.post("/api/user/conversations", founding)["data"]["id"]
    assert ann.post("/api/user/conversations", founding)["data"]["id"] == group
    ann.group(bob, eve)
    return ann.direct(bob), group


def _talk(ann, bob, eve, direct, group):
    message = ann.send(direct, "hello", clientMsgId="one")["data"]["id"]
    recent.clear()
    assert ann.send(direct, "hello", clientMsgId="one")["duplicate"]
    bob.send(group, "so that nobody below has to read the group first")
    at_once = [rounds.gevent.spawn(person.send, group, "x") for person in (ann, bob, eve)]
    at_once += [rounds.gevent.spawn(bob.send, direct, "x")]
    rounds.gevent.joinall(at_once, raise_error=True)
    for path in ("messages", "messages?before=2", "entries?after=0&before=9", "proof?at=1", "members"):
        assert bob.get(f"/api/conversations/{group}/{path}")["success"]
    bob.post(f"/api/conversations/{direct}/read", {"seq": 1})
    bob.socket().call("messageRead", {"conversationId": direct, "messageId": message})
    bob.socket().call("markAsDelivered", {"cursors": {group: 1}})
    for path in ("receipts", "trace"):
        assert ann.get(f"/api/messages/{message}/{path}")["success"]
    path, named = f"/api/messages/{message}", {"conversationId": direct}
    assert ann.rest("PATCH", path, json={"content": "mended", **named}).status_code == 200
    assert ann.get(f"{path}/edits")["success"]
    assert bob.rest("DELETE", f"{path}?for=me").status_code == 200
    assert bob.get("/api/user/conversations")["success"]
    assert ann.rest("PUT", f"{path}/star").status_code == 200
    assert ann.get("/api/user/stars")["data"]
    draft = {"text": "so far", "draftId": "draft"}
    assert ann.rest("PUT", f"/api/conversations/{direct}/draft", json=draft).status_code == 200
    assert ann.rest("PUT", f"/api/conversations/{direct}/settings", json={"pinned": True}).status_code == 200
    bob.socket().call("typing", {"conversationId": group, "isTyping": True})
    _send_a_file(ann, direct)
    indexing.index_waiting()
    found = [ann.get(f"/api/search?q=mended{more}")["data"] for more in ("", f"&in={direct}")]
    assert len(found[0]) == len(found[1]) == 1


def _send_a_file(ann, direct):
    media = ann.rest("POST", "/api/upload", data={"file": (io.BytesIO(b"notes"), "notes.txt")}).json["data"]
    sent = ann.send(direct, "", attachments=[media["id"]])["data"]
    assert ann.get(f"/api/conversations/{direct}/media")["data"]
    assert ann.rest("DELETE", f"/api/messages/{sent['id']}").status_code == 200


def _sync(ann, bob, settings, direct, group):
    cursors = {direct: 0, group: [1, "0" * 16]}
    since = bob.post("/api/sync", {"cursors": cursors})["data"]["next"]
    first = ann.get(f"/api/conversations/{direct}/messages")["data"][-1]["id"]
    ann.send(direct, "news", replyTo=first)
    conversation_store.touch([ObjectId(direct)], clock.tick())
    bob.post("/api/sync", {"cursors": {direct: 3, group: 2}, "since": since})
    settings(SYNC_MAX_CONVERSATIONS=1)
    page = bob.post("/api/sync", {})["data"]
    assert page["more"]
    bob.post("/api/sync", {"since": page["next"], "cursors": {}})
    ann.socket().call("sync", {})


def _change_the_group(ann, bob, eve, dan, group):
    path = f"/api/conversations/{group}"
    ann.rest("PATCH", path, json={"name": "Crew"})
    ann.post(f"{path}/members", {"userIds": [dan.id]})
    ann.rest("PATCH", f"{path}/members/{bob.id}", json={"role": "admin"})
    ann.rest("DELETE", f"{path}/members/{eve.id}")
    eve.get(f"{path}/messages")
    newest = ann.get(f"{path}/messages?limit=1")["data"][0]["id"]
    assert ann.rest("PUT", f"/api/messages/{newest}/reactions/👍").status_code == 200
    assert ann.rest("PUT", f"/api/messages/{newest}/pin").status_code == 200
    assert ann.get(f"{path}/pins")["success"]
    eve.get(f"{path}/messages")  # which shows none of it
    for message in ann.get(f"{path}/messages?limit=2")["data"]:  # eve goes on seeing the newest
        assert ann.rest("DELETE", f"/api/messages/{message['id']}").status_code == 200
    db().departures.delete_many({})
    eve.get(f"{path}/messages")  # an earlier version has kept nothing: replay the log
    state.reset_caches()
    assert not eve.send(group, "gone", clientMsgId="late")["success"]
    bob.post(f"{path}/leave")
    ann.rest("DELETE", path)


def _look_around(ann, bob, settings):
    for path in ("conversations", "conversations?skip=1", "contacts", "contacts?search=bo", "presence", "profile"):
        assert ann.get(f"/api/user/{path}")["success"]
    settings(DIRECTORY_OPEN=False)
    assert ann.get("/api/user/contacts")["success"] and ann.direct(bob)
    ann.rest("PUT", "/api/user/profile", json={"name": "Anna"})
    ann.rest("PUT", "/api/user/privacy", json={"hideReadReceipts": True})
    presence.arrived(ObjectId(ann.id))
    presence.online_partners(ObjectId(bob.id))


def _log_in_and_out(client, ann, settings):
    for _ in range(2):
        assert not log_in(client, password="wrong", deviceId="d" * 20)["success"]
    first = log_in(client, deviceId="d" * 20)
    second = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]}).json
    client.post("/api/auth/refresh", json={"refreshToken": second["refreshToken"].rpartition(".")[0]})
    settings(RATE_LOGIN_ACCOUNT="1 per hour", RATE_LOGIN_ACCOUNT_ANYWHERE="1 per hour", MAX_SESSIONS_PER_USER=2)
    for device in ("d" * 20, "e" * 20, "e" * 20):
        log_in(client, password="wrong", deviceId=device)
        log_in(client, deviceId=device)
    settings(MAX_SESSIONS_PER_USER=1)
    phone = log_in(client)
    headers = {"Authorization": f"Bearer {phone['token']}"}
    listed = client.get("/api/auth/sessions", headers=headers).json["data"]
    clock.move(timedelta(seconds=25))
    sessions.renew()
    client.delete(f"/api/auth/sessions/{listed[0]['id']}", headers=headers)
    client.post("/api/auth/logout-all", headers=headers)
    state.reset_caches()
    assert client.get("/api/user/profile", headers=headers).status_code == 401
    session_store.revoke_these([ObjectId()], ObjectId(ann.id), clock.now(), ended_by=None)
    session_store.revoke_all(ObjectId(ann.id), clock.now())
    sessions.tidy()


def _keep_house(group):
    state.reset_caches()
    migrations.refuse_foreign()
    change_times.keep_order()
    head_store.settle()
    catch_up.recover(100)
    healing.heal_all()
    healing.heal_newest(100)
    assert verify.count(clock.now() - timedelta(days=1)) and verify.count(None)
    for report in (*verify.verify(), *verify.verify(group)):
        assert not report.faults
    db().conversations.update_one({"_id": ObjectId(group)}, {"$set": {"name": "wrong"}})
    db().memberships.delete_one({"conversation_id": ObjectId(group)})
    verify.repair(group, False, lambda *_: None)
    _do_what_is_rare(ObjectId(group))


def _do_what_is_rare(group):
    """Ask what is asked beside another process, after a crash, or because of an earlier version."""
    entry = entry_store.find_range(group, 1, 1)[0]
    entry_store._count_stored([entry])
    changed_messages.replace_now(group, entry["_id"], None)
    db().entries.create_index("sender_id", name=entry_store.OLD_INDEX)
    assert entry_store.is_used_elsewhere(entry["sender_id"], entry["client_msg_id"])
    db().entries.drop_index(entry_store.OLD_INDEX)
    conversation_store.find_by_key({"direct_key": "x"})
    conversation_store.find_older(ObjectId())
    conversation_store.advance_head(group, 0, {"name": "x"})
    membership_store.find_in_conversations([group])
    search_store.clear()
    session_store.find_live(ObjectId(), ObjectId(), clock.now())


@pytest.fixture
def queries(client, register, settings, monkeypatch):
    """Everything that stores asked during a day."""
    found = record(monkeypatch)
    live_a_day(client, register, settings)
    return found


def test_no_query_but_those_listed_goes_to_all_shards(queries):
    listing = listed()
    unlisted = {query for query in queries if (query.where, query.collection) not in listing}
    assert unlisted == set()
    to_all = {query for query in queries if not query.names_shard and listing[query.where, query.collection] == "one"}
    assert to_all == set()
    if not is_embedded():  # which has queries of its own, and no shards
        asked = {(query.where, query.collection) for query in queries}
        assert {key for key, shards in listing.items() if shards != "embedded"} - asked == set()
        lacking = {(query.where, query.collection) for query in queries if not query.names_shard}
        assert {key for key, shards in listing.items() if shards == "all"} == lacking


def test_every_function_of_a_store_that_asks_is_listed():
    listing = {where for where, _ in listed()}
    for path in (ROOT / "chatapp" / "stores").glob("*.py"):
        if path.stem in UNSHARDED:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(map(_asks, ast.walk(node))):
                assert f"{path.stem}.{node.name}" in listing


def _asks(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "db"


@pytest.mark.parametrize(
    ("query", "is_named"),
    [
        ({"conversation_id": ObjectId(), "seq": 1}, True),
        ({"conversation_id": {"$in": [ObjectId()]}}, True),
        ({"$or": [{"conversation_id": 1}, {"conversation_id": 2}]}, True),
        ({"$and": [{"seq": 1}, {"conversation_id": 1}]}, True),
        ({"$or": [{"conversation_id": 1}, {"seq": 2}]}, False),
        ({"conversation_id": {"$nin": [1]}}, False),
        ({"conversation_id": {"$gt": 1}}, False),
        ({"seq": 1}, False),
        ({}, False),
    ],
)
def test_a_filter_names_the_shard_or_does_not(query, is_named):
    assert names_shard("entries", query) is is_named

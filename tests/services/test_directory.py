"""The directory: whose e-mail address a user sees, and whom they may write to."""

import pytest
from bson import ObjectId

from chatapp.database import db
from chatapp.stores.packed import pack
from tests.conftest import PASSWORD


@pytest.fixture(params=["rest", "socket"])
def act(request, app):
    """Do something over one of the transports: `act(person, "found", …)` returns the JSON."""
    doors = {
        "open": ("POST", "/api/user/conversations", "newConversation"),
        "add": ("POST", "/api/conversations/{conversationId}/members", "addMembers"),
    }

    def do(person, what, /, **body):
        method, path, event = doors[what]
        if request.param == "socket":
            return person.socket().call(event, body)
        return person.rest(method, path.format(**body), json=body).json

    return do


def emails_in(data):
    """Return everything under `email` or `userEmail`, however deep."""
    if isinstance(data, dict):
        own = [value for key, value in data.items() if key in ("email", "userEmail")]
        return own + [found for value in data.values() for found in emails_in(value)]
    return [found for row in data for found in emails_in(row)] if isinstance(data, list) else []


def contact(person, other, **query):
    """Return the other's row in the person's contacts."""
    rows = person.get("/api/user/contacts", query_string=query)["data"]
    return next((row for row in rows if row["id"] == other.id), None)


def test_an_e_mail_is_shown_to_those_who_share_a_conversation_and_to_nobody_else(ann, bob, eve):
    ann.direct(bob)
    assert contact(ann, bob)["email"] == "bob@test.com" and contact(bob, ann)["email"] == "ann@test.com"
    assert contact(ann, eve)["email"] == contact(eve, ann)["email"] == ""
    assert contact(ann, eve, search="eve")["email"] == "" and contact(ann, bob, search="bob")["email"] == "bob@test.com"
    assert ann.get("/api/user/profile")["data"]["email"] == "ann@test.com"
    for path in ("/api/user/all", "/api/user/contacts"):
        assert sorted(emails_in(eve.get(path))) == ["", ""]
    assert sorted(emails_in(eve.socket().call("getContacts"))) == ["", ""]


def test_no_view_of_a_group_shows_the_e_mail_of_somebody_who_left(ann, bob, eve, register):
    zoe = register("zoe")
    team = ann.group(bob, zoe)
    ann.post(f"/api/conversations/{team}/members", {"userIds": [eve.id]})
    assert "eve@test.com" in emails_in(bob.get(f"/api/conversations/{team}/entries"))
    eve.post(f"/api/conversations/{team}/leave")
    views = [
        lambda person: person.get(f"/api/conversations/{team}"),
        lambda person: person.get(f"/api/conversations/{team}/entries"),
        lambda person: person.post("/api/sync"),
        lambda person: person.get("/api/user/conversations"),
        lambda person: person.get("/api/user/contacts"),
    ]
    for view in views:
        assert "eve@test.com" not in emails_in(view(bob))
        assert not {"ann@test.com", "bob@test.com", "zoe@test.com"} & set(emails_in(view(eve)))


def test_a_member_sees_the_address_of_now_in_an_old_entry(ann, bob, eve):
    team = ann.group(bob, eve)
    eve.post(f"/api/conversations/{team}/leave")
    ann.post(f"/api/conversations/{team}/members", {"userIds": [eve.id]})
    db().users.update_one({"email": "eve@test.com"}, {"$set": {"email": "new@test.com", "email_key": "new@test.com"}})
    eve.rest("PUT", "/api/user/profile", json={"name": "Evelyn"})
    assert "eve@test.com" not in emails_in(bob.get(f"/api/conversations/{team}/entries"))
    assert "new@test.com" in emails_in(bob.get(f"/api/conversations/{team}/entries"))


def test_sync_tells_changed_profiles_of_those_who_are_members_now(ann, bob, eve):
    team = ann.group(bob, eve)
    since = bob.post("/api/sync")["data"]["next"]
    eve.rest("PUT", "/api/user/profile", json={"name": "Evelyn"})
    (told,) = bob.post("/api/sync", {"since": since})["data"]["users"]
    assert (told["name"], told["email"]) == ("Evelyn", "eve@test.com")
    eve.post(f"/api/conversations/{team}/leave")
    since = bob.post("/api/sync")["data"]["next"]
    eve.rest("PUT", "/api/user/profile", json={"name": "Eva"})
    assert bob.post("/api/sync", {"since": since})["data"]["users"] == []


def test_an_operator_may_show_all_e_mails(client, ann, bob, settings):
    settings(SHOW_EMAILS="everybody")
    assert contact(ann, bob)["email"] == "bob@test.com"
    socket = ann.socket()
    client.post("/api/auth/register", json={"email": "new@test.com", "password": PASSWORD})
    assert socket.received("newUserRegistered")[0]["email"] == "new@test.com"


@pytest.mark.parametrize("search", ["bob@test.com", "BOB@TEST.COM", " bob@test.com "])
def test_a_whole_address_finds_its_owner_and_shows_it(ann, bob, search, settings):
    for is_open in (True, False):
        settings(DIRECTORY_OPEN=is_open)
        assert contact(ann, bob, search=search)["email"] == "bob@test.com"
    assert ann.get("/api/user/contacts", query_string={"search": "nobody@test.com"})["meta"]["code"] == "NO_MATCH"
    assert contact(bob, bob, search=search) is None


def test_addresses_cannot_be_tried_by_the_thousand(ann, bob, eve, act, settings):
    settings(RATE_ADDRESS_LOOKUPS="3 per hour")
    guesses = [f"guess{number}@test.com" for number in range(4)]
    refused = act(ann, "open", type="group", name="Team", participants=guesses)
    assert refused["error"]["code"] == "RATE_LIMITED"
    for number in range(3):
        ann.get("/api/user/contacts", query_string={"search": f"guess{number}@test.com"})
    answer = ann.get("/api/user/contacts", query_string={"search": "bob@test.com"})
    assert answer["error"]["code"] == "RATE_LIMITED"
    assert contact(eve, bob, search="bob@test.com")


def test_addresses_cannot_be_gathered_by_beginning_conversations(act, ann, bob, eve, register, settings):
    zoe = register("zoe")
    settings(RATE_GROUP_ADDS="2 per hour")
    assert [act(ann, "open", type="direct", participants=[row.id])["success"] for row in (bob, eve)] == [True, True]
    assert act(ann, "open", type="direct", participants=[zoe.id])["error"]["code"] == "RATE_LIMITED"
    assert act(ann, "open", type="direct", participants=[bob.id])["success"]  # which there is already
    assert act(bob, "open", type="direct", participants=[zoe.id])["success"]


def test_an_open_directory_takes_ids_and_addresses(act, ann, bob, eve):
    answer = act(ann, "open", type="direct", participants=["BOB@test.com"])
    assert {row["id"] for row in answer["data"]["participants"]} == {ann.id, bob.id}
    answer = act(ann, "open", type="group", name="Team", participants=["bob@test.com", eve.id, "nobody@test.com"])
    assert {row["id"] for row in answer["data"]["participants"]} == {ann.id, bob.id, eve.id}


def test_in_a_closed_directory_a_guessed_id_looks_like_an_unknown_one(act, ann, bob, eve, settings):
    team = ann.group(bob, eve)
    settings(DIRECTORY_OPEN=False)
    stranger = ann.app.test_client().post(
        "/api/auth/register", json={"email": "far@test.com", "password": PASSWORD, "name": "Far Away"}
    )
    far, unknown = stranger.json["data"]["id"], "f" * 24
    same = [act(ann, "open", type="direct", participants=[row]) for row in (far, unknown)]
    same += [act(ann, "open", type="group", name="Few", participants=[bob.id, row]) for row in (far, unknown)]
    assert {row["error"]["code"] for row in same} == {"VALIDATION_ERROR"}
    assert same[0]["msg"] == same[1]["msg"] and same[2]["msg"] == same[3]["msg"]
    added = [act(ann, "add", conversationId=team, userIds=[row]) for row in (far, unknown)]
    assert {row["error"]["code"] for row in added} == {"USER_NOT_FOUND"}
    group = act(ann, "open", type="group", name="Some", participants=[bob.id, eve.id, far, unknown])
    assert {row["id"] for row in group["data"]["participants"]} == {ann.id, bob.id, eve.id}
    assert "far@test.com" not in str((same, added, group)) and "Far Away" not in str((same, added, group))


def test_a_closed_directory_lets_in_whoever_knows_the_address(act, ann, bob, eve, register, settings):
    team = ann.group(bob, eve)
    zoe = register("zoe")
    settings(DIRECTORY_OPEN=False)
    assert act(bob, "open", type="direct", participants=[eve.id])["success"]
    assert act(zoe, "open", type="direct", participants=["ann@test.com"])["success"]
    assert act(ann, "add", conversationId=team, userIds=[zoe.id])["data"]  # they share a conversation now
    old = register("old")
    added = act(ann, "add", conversationId=team, userIds=["old@test.com"])
    assert old.id in [row["id"] for row in added["data"]["participants"]]


def test_contacts_hide_the_e_mail_of_somebody_whom_another_process_took_out(ann, bob, eve, register):
    zoe = register("zoe")
    team = ann.group(bob, eve, zoe)
    ann.direct(zoe)
    assert contact(ann, eve)["email"] == "eve@test.com" and contact(ann, zoe)["email"] == "zoe@test.com"
    left = pack({"participants": [ObjectId(ann.id), ObjectId(bob.id)]})
    db().conversations.update_one({"_id": ObjectId(team)}, {"$set": left})
    assert contact(ann, eve)["email"] == "" and contact(ann, bob)["email"] == "bob@test.com"
    assert contact(ann, zoe)["email"] == "zoe@test.com"  # by another conversation

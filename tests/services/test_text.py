"""Text as people write it: names, passwords, messages of nothing, addresses of pictures."""

import jwt
import pytest

from chatapp import links
from chatapp.database import db
from chatapp.services.accounts import passwords
from tests.conftest import PASSWORD

COMPOSED, DECOMPOSED = "Gr\u00fc\u00dfe aus K\u00f6ln", "Gru\u0308\u00dfe aus Ko\u0308ln"
PICTURE = "https://res.cloudinary.com/demo/image/upload/v1/a_b-c.png"

NOTHING = [
    "\u200b",
    "\u200d\u200c",
    "\u3164",
    "\u2800",
    "\u115f\u1160",
    "\u00ad",
    "\u202e\u2066",
    "\u0301\u0302",
    "\ufeff",
    "\t\n",
    "\x01\x1b",
    "\ufe0f",
    "\u034f",
    "\U000e0041",
]
NAMES = [
    "José",
    "Anne-Marie O’Neil",
    "李小龍",
    "👨‍👩‍👧 Family",
    "Tini ❤️",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿 Scot",
    "🏳️‍🌈",
    "1️⃣ First",
    "می‌خواهم",
    "क्‍ष",
    "葛󠄀城",
    "שָׁלוֹם",
    "สมชาย",
    "Nguyễn",
    "한국어",
    "A & B (2)",
]
LINKS = [
    PICTURE,
    "HTTPS://Example.com/x?y=1#z",
    "https://bücher.example/ä.png",
    "https://[2001:db8::1]:8443/a",
    "http://192.0.2.1:3000/a.png",
    "/media/2026/a-b_c.png",
]
NO_LINKS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    " javascript:alert(1)",
    "\u200bjavascript:alert(1)",
    "data:image/png;base64,AAAA",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "content://media/1",
    "blob:https://a.example/1",
    "ftp://a.example/a",
    "//a.example/a.png",
    "https:a.example",
    "https:///a.png",
    "https://",
    "https://good.example@evil.example/a.png",
    "https://good.example\\@evil.example/",
    "https://a.example/a b",
    "https://a.example/a\nb",
    "https://a.example/\u202egnp.a",
    'https://a.example/"onerror=x',
    "https://a%2eexample/a",
    "https://a.example:port/",
    "https://a.example:99999/",
    "https://[::1/",
    "/media/../app",
    "/media//evil.example",
    "/assets/a.png",
    "a.png",
    "https://a.example/" + 2048 * "a",
    "https://a.example/" + 600 * "🙂",
]


@pytest.mark.parametrize("content", NOTHING)
def test_a_message_or_name_of_nothing_visible_is_empty(client, ann, bob, eve, content):
    direct, team = ann.direct(bob), ann.group(bob, eve)
    refused = [
        ("content", ann.send(direct, content)),
        ("content", ann.socket().call("newMessage", {"conversationId": direct, "content": content})),
        ("name", ann.rest("PATCH", f"/api/conversations/{team}", json={"name": content}).json),
        (
            "name",
            ann.post("/api/user/conversations", {"type": "group", "participants": [bob.id, eve.id], "name": content}),
        ),
        (
            "name",
            client.post("/api/auth/register", json={"email": "x@test.com", "password": PASSWORD, "name": content}).json,
        ),
    ]
    for field, answer in refused:
        assert answer["error"]["code"] == "VALIDATION_ERROR" and set(answer["error"]["details"]) == {field}
    assert ann.send(direct, content, attachment=PICTURE)["data"]["content"] == content


@pytest.mark.parametrize("content", [" hi\u200b ", "\u202eabc", "\u200b👍", "e\u0301", "\ufeff1", "ि"])
def test_what_is_visible_stays_byte_for_byte(ann, bob, content):
    assert ann.send(ann.direct(bob), content)["data"]["content"] == content


@pytest.mark.parametrize("name", NAMES)
def test_names_of_all_the_world_stay_as_they_are(register, name):
    assert register("somebody", name=name).user["name"] == name


def test_white_space_in_names_is_folded_and_letters_are_composed(register):
    assert register("one", name=" Anne\u00a0 \n Marie ").user["name"] == "Anne Marie"
    assert register("two", name="Jose\u0301").user["name"] == "Jos\u00e9"


def test_a_default_name_is_a_name(client):
    emails = {
        "x" * 64 + "@test.com": "x" * 64,
        "jose\u0301@test.com": "jos\u00e9",
        "हिन्दी@test.com": "हिन्दी",
    }
    for email, name in emails.items():
        answer = client.post("/api/auth/register", json={"email": email, "password": PASSWORD})
        assert (answer.status_code, answer.json["data"]["name"]) == (201, name)


def test_a_device_is_let_in_whatever_it_is_called(client, ann):
    body = {
        "email": "ann@test.com",
        "password": PASSWORD,
        "deviceName": "Ann\u202es\u0007 phone\u200b",
        "client": "\u3164",
    }
    agent = {"User-Agent": "Phone \x9b2J"}
    ann.token = client.post("/api/auth/login", json=body, headers=agent).json["token"]
    (mine,) = [row for row in ann.get("/api/auth/sessions")["data"] if row["current"]]
    assert (mine["deviceName"], mine["client"]) == ("Anns phone", "Phone 2J")


@pytest.mark.parametrize(("first", "later"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_password_is_the_same_on_every_keyboard(client, register, first, later):
    register("ann", password=first)
    for password in (first, later):
        assert client.post("/api/auth/login", json={"email": "ann@test.com", "password": password}).json["success"]
    wrong = client.post("/api/auth/login", json={"email": "ann@test.com", "password": "Grusse aus Koln"})
    assert wrong.json["error"]["code"] == "INVALID_CREDENTIALS"


def test_a_hash_of_a_password_as_it_was_typed_is_made_anew(client, ann, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(passwords, "_normal", lambda password: password)
        old = passwords.hash_password(DECOMPOSED)
    db().users.update_one({"email": "ann@test.com"}, {"$set": {"password_hash": old}})
    for password in (DECOMPOSED, COMPOSED):
        assert client.post("/api/auth/login", json={"email": "ann@test.com", "password": password}).json["success"]


@pytest.mark.parametrize(
    ("registered", "typed"),
    [
        ("jose\u0301@test.com", "jos\u00e9@test.com"),
        ("Jos\u00c9@test.com", "jos\u00e9@test.com"),
        ("info@b\u00fccher.de", "info@xn--bcher-kva.de"),
        ("info@XN--BCHER-KVA.de", "INFO@B\u00dcCHER.DE"),
        ("\uff49nfo@test.com", "info@test.com"),
    ],
)
def test_two_spellings_of_an_address_are_one_account(client, ann, registered, typed):
    def register(email):
        return client.post("/api/auth/register", json={"email": email, "password": PASSWORD}).json

    first = register(registered)
    assert register(typed)["error"]["code"] == "EMAIL_IN_USE"
    assert client.post("/api/auth/login", json={"email": typed, "password": PASSWORD}).json["success"]
    found = ann.get("/api/user/contacts", query_string={"search": typed})["data"]
    assert [row["id"] for row in found] == [first["data"]["id"]]


@pytest.mark.parametrize("link", LINKS)
def test_pictures_and_files_of_the_web_and_of_this_server(ann, bob, link):
    assert ann.send(ann.direct(bob), "", attachment=link)["data"]["attachment"] == link
    assert ann.rest("PUT", "/api/user/profile", json={"avatar": link}).json["data"]["avatar"] == link


@pytest.mark.parametrize("link", NO_LINKS)
def test_no_other_address_in_any_spelling(client, ann, bob, eve, link):
    team = ann.group(bob, eve)
    founding = {"type": "group", "participants": [bob.id, eve.id], "name": "Team", "avatar": link}
    account = {"email": "x@test.com", "password": PASSWORD, "avatar": link}
    refused = [
        ann.send(team, "look", attachment=link),
        ann.socket().call("sendMessage", {"conversationId": team, "message": {"content": "", "attachment": link}}),
        ann.rest("PUT", "/api/user/profile", json={"avatar": link}).json,
        ann.rest("PATCH", f"/api/conversations/{team}", json={"avatar": link}).json,
        ann.post("/api/user/conversations", founding),
        client.post("/api/auth/register", json=account).json,
    ]
    assert {answer["error"]["code"] for answer in refused} == {"VALIDATION_ERROR"}


def test_plain_http_is_for_development_and_this_servers_own(app, settings):
    settings(APP_ENV="production", PUBLIC_URL="http://chat.lan:3000/")
    assert not links.is_allowed("http://a.example/a.png") and links.is_allowed(PICTURE)
    assert links.is_allowed("http://chat.lan:3000/media/a.png")
    assert not links.is_allowed("http://chat.lan:30000/a.png") and not links.is_allowed(
        "http://chat.lan:3000@a.example/"
    )


def test_the_empty_avatar_of_old_apps_is_none(register):
    assert not register("old", avatar="").user["avatar"]


def test_a_long_avatar_of_before_locks_nobody_out(client, ann):
    long = "https://a.example/" + 2000 * "🙂"
    db().users.update_one({"email": "ann@test.com"}, {"$set": {"avatar": long, "name": 100 * "🙂"}})
    answer = client.post("/api/auth/login", json={"email": "ann@test.com", "password": PASSWORD, "protocol": 2}).json
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert claims["user"]["avatar"] is None and len(answer["token"]) < 4096
    ann.token = answer["token"]
    assert ann.get("/api/user/profile")["data"]["avatar"] == long and ann.socket().connected
    changed = ann.rest("PUT", "/api/user/profile", json={"name": "Ann"}).json["data"]
    assert len(changed["token"]) < 4096


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ({"name": "Ann\u200f"}, {"avatar": PICTURE}),
        ({"avatar": "data:image/png;base64,AAAA"}, {"name": "Anna"}),
        ({"avatar": "file:///a.png", "name": "A\u202enn"}, {}),
    ],
)
def test_an_old_apps_form_may_send_what_was_taken_before(ann, stored, sent):
    db().users.update_one({"email": "ann@test.com"}, {"$set": stored})
    form = {"name": "Ann", "email": "ann@test.com", "avatar": ""} | stored | sent
    data = ann.rest("PUT", "/api/user/profile", json=form).json["data"]
    assert data["name"] == form["name"] and data["avatar"] == form["avatar"]

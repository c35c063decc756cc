"""Every route and every event × every kind of caller. A route or event that is not listed here fails."""

import functools
from collections.abc import Callable
from datetime import timedelta

import pytest

from chatapp import clock
from chatapp.database import db
from chatapp.extensions import socketio
from chatapp.sockets import EVENTS
from chatapp.sockets.not_implemented import _ERROR_EVENTS as LATER

ANONYMOUS, EXPIRED, REVOKED = "anonymous", "expired", "revoked"
STRANGER, MEMBER, FORMER = "stranger", "member", "former member"
WITHOUT_SESSION = {ANONYMOUS: "TOKEN_MISSING", EXPIRED: "TOKEN_EXPIRED", REVOKED: "TOKEN_REVOKED"}
CALLERS = [*WITHOUT_SESSION, STRANGER, MEMBER, FORMER]
UNKNOWN, NOT_ALLOWED = "CONVERSATION_NOT_FOUND", "NOT_ALLOWED"
INVALID, NO_MEMBER = "VALIDATION_ERROR", "MEMBER_NOT_FOUND"


def everybody(code: str) -> dict[str, str]:
    """Return the outcomes of a route that asks for no session."""
    return dict.fromkeys(CALLERS, code)


def signed_in(code: str) -> dict[str, str]:
    """Return the outcomes of a route that any session may call."""
    return WITHOUT_SESSION | dict.fromkeys((STRANGER, MEMBER, FORMER), code)


def of_members(member: str = "OK", former: str = NOT_ALLOWED) -> dict[str, str]:
    """Return the outcomes of a call about a conversation: nobody else learns that there is one."""
    return WITHOUT_SESSION | {STRANGER: UNKNOWN, MEMBER: member, FORMER: former}


def of_messages(member: str = "OK", former: str = NOT_ALLOWED) -> dict[str, str]:
    """Return the outcomes of a call about a message."""
    return of_members(member, former) | {STRANGER: "MESSAGE_NOT_FOUND"}


# "METHOD rule": (body, what each kind of caller gets). {conversation} and {message} are those of the member.
# Bodies are kept incomplete where success would change who calls.
ROUTES: dict[str, tuple[dict[str, object] | None, dict[str, str]]] = {
    "GET /": (None, everybody("OK")),
    "GET /app": (None, everybody("OK")),
    "GET /app/<path:route>": (None, everybody("OK")),
    "GET /assets/<path:name>": (None, everybody("ROUTE_NOT_FOUND")),
    "GET /metrics": (None, everybody("OK")),
    "GET /sw.js": (None, everybody("OK")),
    "GET /api/web": (None, everybody("OK")),
    "GET /api/asyncapi.json": (None, everybody("OK")),
    "GET /api/auth/sessions": (None, signed_in("OK")),
    "DELETE /api/auth/sessions/<session_id>": (None, signed_in("SESSION_NOT_FOUND")),
    "GET /api/auth/test": (None, everybody("OK")),
    "POST /api/auth/login": ({}, everybody(INVALID)),
    "POST /api/auth/logout": (None, signed_in("OK")),
    "POST /api/auth/logout-all": (None, signed_in("OK")),
    "POST /api/auth/password": ({}, signed_in(INVALID)),
    "POST /api/auth/refresh": ({}, everybody(INVALID)),
    "POST /api/auth/register": ({}, everybody(INVALID)),
    "GET /api/conversations/<conversation_id>": (None, of_members()),
    "DELETE /api/conversations/<conversation_id>": (None, of_members()),
    "GET /api/conversations/<conversation_id>/members": (None, of_members()),
    "GET /api/conversations/<conversation_id>/messages": (None, of_members(former="OK")),
    "POST /api/conversations/<conversation_id>/messages": ({"content": "hello"}, of_members()),
    "POST /api/conversations/<conversation_id>/read": ({}, of_members()),
    "PATCH /api/conversations/<conversation_id>": ({"name": "New"}, of_members(member=NOT_ALLOWED)),
    "GET /api/conversations/<conversation_id>/entries": (None, of_members(former="OK")),
    "POST /api/conversations/<conversation_id>/hand-over": ({"userId": "f" * 24}, of_members(member=NO_MEMBER)),
    "POST /api/conversations/<conversation_id>/leave": ({}, of_members(former="OK")),
    "POST /api/conversations/<conversation_id>/members": ({"userIds": ["{member}"]}, of_members(member=NOT_ALLOWED)),
    "DELETE /api/conversations/<conversation_id>/members/<user_id>": (None, of_members(member=NOT_ALLOWED)),
    "PATCH /api/conversations/<conversation_id>/members/<user_id>": (
        {"role": "admin"},
        of_members(member=NOT_ALLOWED),
    ),
    "GET /api/conversations/<conversation_id>/proof": (None, of_members(former="OK")),
    "PUT /api/conversations/<conversation_id>/settings": ({"archived": True}, of_members()),
    "PATCH /api/messages/<message_id>": ({"content": "new"}, of_messages(member=NOT_ALLOWED)),
    "DELETE /api/messages/<message_id>": (None, of_messages(member=NOT_ALLOWED)),
    "PUT /api/messages/<message_id>/reactions/<emoji>": ({}, of_messages()),
    "DELETE /api/messages/<message_id>/reactions/<emoji>": (None, of_messages()),
    "PUT /api/messages/<message_id>/pin": ({}, of_messages()),
    "DELETE /api/messages/<message_id>/pin": (None, of_messages()),
    "GET /api/conversations/<conversation_id>/pins": (None, of_members()),
    "POST /api/messages/<message_id>/forward": ({"conversationIds": ["{conversation}"]}, of_messages()),
    "GET /api/messages/<message_id>/edits": (None, of_messages(former="OK")),
    "GET /api/messages/<message_id>/receipts": (None, of_messages(former="OK")),
    "GET /api/messages/<message_id>/trace": (None, of_messages(member=NOT_ALLOWED)),
    "PUT /api/conversations/<conversation_id>/draft": ({"text": "hello", "draftId": "one"}, of_members()),
    "PUT /api/messages/<message_id>/star": ({}, of_messages()),
    "DELETE /api/messages/<message_id>/star": (None, of_messages(former="OK")),
    "GET /api/user/stars": (None, signed_in("OK")),
    "GET /api/conversations/<conversation_id>/media": (None, of_members(former="OK")),
    "GET /api/media/<media_id>": (None, signed_in("MEDIA_NOT_FOUND")),
    "POST /api/media/<media_id>/url": (
        {"conversationId": "{conversation}"},
        of_members("MEDIA_NOT_FOUND", "MEDIA_NOT_FOUND"),
    ),
    "GET /media/<media_id>/<name>": (None, everybody("MEDIA_FORBIDDEN")),
    "POST /api/upload": ({}, signed_in(INVALID)),
    "POST /api/upload/voice": ({}, signed_in(INVALID)),
    "POST /api/uploads": ({}, signed_in("UPLOAD_VERSION")),
    "PATCH /api/uploads/<media_id>": ({}, signed_in("UPLOAD_VERSION")),
    "DELETE /api/uploads/<media_id>": (None, signed_in("UPLOAD_VERSION")),
    "GET /api/sync": (None, signed_in("OK")),
    "POST /api/sync": ({}, signed_in("OK")),
    "GET /api/user/presence": (None, signed_in("OK")),
    "GET /api/user/privacy": (None, signed_in("OK")),
    "PUT /api/user/privacy": ({}, signed_in("OK")),
    "GET /api/discover": (None, everybody("OK")),
    "GET /api/docs": (None, everybody("OK")),
    "GET /api/docs/<path:name>": (None, everybody("ROUTE_NOT_FOUND")),
    "GET /api/health": (None, everybody("OK")),
    "GET /api/health/live": (None, everybody("OK")),
    "GET /api/health/ready": (None, everybody("OK")),
    "GET /api/openapi.json": (None, everybody("OK")),
    "GET /api/test-connection": (None, everybody("OK")),
    "GET /api/user/all": (None, signed_in("OK")),
    "GET /api/search": (None, signed_in("VALIDATION_ERROR")),
    "GET /api/link-preview": (None, signed_in("VALIDATION_ERROR")),
    "GET /api/user/contacts": (None, signed_in("OK")),
    "GET /api/user/conversations": (None, signed_in("OK")),
    "POST /api/user/conversations": ({}, signed_in(INVALID)),
    "POST /api/user/ensure-stream-users": ({"userIds": []}, signed_in("OK")),
    "GET /api/user/messages/<conversation_id>": (None, of_members(former="OK")),
    "POST /api/user/messages/<conversation_id>": ({"content": "hello"}, of_members()),
    "GET /api/user/profile": (None, signed_in("OK")),
    "PUT /api/user/profile": ({}, signed_in("OK")),
}
# The oldest apps call the account routes without /api.
ROUTES |= {rule.replace("/api/auth", "/auth"): row for rule, row in ROUTES.items() if "/api/auth" in rule}

# event: (payload, what each kind of caller gets). An event cannot be sent without a session at all.
EVENT_TABLE: dict[str, tuple[object, dict[str, str]]] = {
    "auth:refresh": ({}, signed_in(INVALID)),
    "addMembers": ({"conversationId": "{conversation}", "userIds": ["{member}"]}, of_members(member=NOT_ALLOWED)),
    "changeRole": (
        {"conversationId": "{conversation}", "userId": "{member}", "role": "admin"},
        of_members(member=NOT_ALLOWED),
    ),
    "deleteConversation": ({"conversationId": "{conversation}"}, of_members()),
    "message:edit": ({"messageId": "{message}", "newContent": "new"}, of_messages(member=NOT_ALLOWED)),
    "message:delete": ({"messageId": "{message}", "deleteFor": "everyone"}, of_messages(member=NOT_ALLOWED)),
    "reaction:add": ({"messageId": "{message}", "emoji": "👍"}, of_messages()),
    "message:pin": ({"messageId": "{message}"}, of_messages()),
    "message:unpin": ({"messageId": "{message}"}, of_messages()),
    "getPinnedMessages": ({"conversationId": "{conversation}"}, of_members()),
    "getEdits": ({"messageId": "{message}"}, of_messages(former="OK")),
    "getEntries": ({"conversationId": "{conversation}"}, of_members(former="OK")),
    "getPresence": (None, signed_in("OK")),
    "getPrivacy": (None, signed_in("OK")),
    "getProof": ({"conversationId": "{conversation}"}, of_members(former="OK")),
    "getReceipts": ({"messageId": "{message}"}, of_messages(former="OK")),
    "getTrace": ({"messageId": "{message}"}, of_messages(member=NOT_ALLOWED)),
    "handOver": ({"conversationId": "{conversation}", "userId": "f" * 24}, of_members(member=NO_MEMBER)),
    "leaveGroup": ({"conversationId": "{conversation}"}, of_members(former="OK")),
    "markAsDelivered": ({"cursors": {"{conversation}": 1}}, signed_in("OK")),
    "removeMember": (
        {"conversationId": "{conversation}", "userId": "{member}"},
        of_members(member="OK"),
    ),
    "sync": (None, signed_in("OK")),
    "updateConversation": ({"conversationId": "{conversation}", "name": "New"}, of_members(member=NOT_ALLOWED)),
    "saveDraft": ({"conversationId": "{conversation}", "text": "hello", "draftId": "one"}, of_members()),
    "starMessage": ({"messageId": "{message}", "on": True}, of_messages()),
    "searchMessages": ({"q": "hello", "in": "{conversation}"}, of_members(former="OK")),
    "getStars": (None, signed_in("OK")),
    "updateSettings": ({"conversationId": "{conversation}", "pinned": True}, of_members()),
    "updatePrivacy": ({}, signed_in("OK")),
    "getContacts": (None, signed_in("OK")),
    "getConversation": ({"conversationId": "{conversation}"}, of_members()),
    "getMembers": ({"conversationId": "{conversation}"}, of_members()),
    "getConversations": (None, signed_in("OK")),
    "getMessages": ({"conversationId": "{conversation}"}, of_members(former="OK")),
    "joinConversation": ("{conversation}", of_members()),
    "leaveConversation": ("{conversation}", of_members(former="OK")),
    "markAsRead": ({"conversationId": "{conversation}"}, of_members()),
    "messageRead": ({"conversationId": "{conversation}", "messageId": "{message}"}, of_members()),
    "newConversation": ({}, signed_in(INVALID)),
    "newMessage": ({"conversationId": "{conversation}", "content": "hello"}, of_members()),
    "onlineUsers": (None, signed_in("OK")),
    "rejoinConversations": (None, signed_in("OK")),
    "sendMessage": ({"conversationId": "{conversation}", "message": "hello"}, of_members()),
    "voice:send": ({"conversationId": "{conversation}", "audioUrl": "https://a.example/b.m4a"}, of_members()),
    "document:send": (
        {"conversationId": "{conversation}", "document": {"url": "https://a.example/b.pdf"}},
        of_members(),
    ),
    "testSocket": (None, signed_in("OK")),
    "typing": ({"conversationId": "{conversation}", "isTyping": True}, of_members()),
    "updateProfile": ({}, signed_in("OK")),
    "userOffline": (None, signed_in("OK")),
    "userOnline": (None, signed_in("OK")),
} | {name: ({}, signed_in("NOT_IMPLEMENTED")) for name in LATER}


def rules(app):
    """Return every "METHOD rule" that the application answers, without what Flask adds by itself."""
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }


def test_every_route_is_listed(app):
    assert rules(app) == set(ROUTES)


def test_every_event_is_listed():
    assert set(EVENTS) == set(EVENT_TABLE)


class Scene:
    """A group with a message, and one caller."""

    def __init__(self, register: Callable[..., object], caller: str) -> None:
        self.owner, self.member, third = (register(name) for name in ("olga", "max", "fred"))
        self.caller = {MEMBER: self.member, FORMER: third}.get(caller) or register("eve")
        self.conversation = self.owner.group(self.member, third)
        self.message = self.owner.send(self.conversation, "secret")["data"]["id"]
        if caller == FORMER:
            self.owner.rest("DELETE", f"/api/conversations/{self.conversation}/members/{self.caller.id}")
            self.owner.send(self.conversation, "after")
        if caller == REVOKED:
            self.caller.post("/api/auth/logout")

    def fill(self, value):
        """Return the payload with this scene's ids in it."""
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, str):
            names = {"{conversation}": self.conversation, "{message}": self.message, "{member}": self.member.id}
            return functools.reduce(lambda text, name: text.replace(name, names[name]), names, value)
        return value


@pytest.fixture
def caller():
    """The caller of a test that names no kind of caller."""
    return STRANGER


@pytest.fixture
def scene(register, caller):
    return Scene(register, caller)


def outcome(body):
    """Return the code of an answer: OK or the error's."""
    return "OK" if body is None or body.get("success", True) else body["error"]["code"]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", sorted(ROUTES))
def test_route(scene, client, route, caller):
    body, expected = ROUTES[route]
    method, rule = route.split()
    path = rule.replace("<conversation_id>", scene.conversation).replace("<session_id>", "f" * 24)
    path = path.replace("<message_id>", scene.message).replace("<user_id>", scene.owner.id)
    path = path.replace("<emoji>", "👍").replace("<media_id>", "f" * 24).replace("<name>", "nothing")
    headers = {} if caller == ANONYMOUS else {"Authorization": f"Bearer {scene.caller.token}"}
    if caller == EXPIRED:
        clock.move(timedelta(days=8))
    answer = client.open(path.replace("<path:name>", "nothing"), method=method, json=scene.fill(body), headers=headers)
    code = outcome(answer.json if answer.is_json else None)
    assert code == expected[caller]
    assert (answer.status_code < 400) == (code == "OK")
    if caller in (STRANGER, *WITHOUT_SESSION):
        assert b"secret" not in answer.data


@pytest.mark.parametrize("caller", [STRANGER, MEMBER, FORMER])
@pytest.mark.parametrize("event", sorted(EVENT_TABLE))
def test_event(scene, event, caller):
    payload, expected = EVENT_TABLE[event]
    socket = scene.caller.socket()
    arguments = () if payload is None else (scene.fill(payload),)
    answer = socket.call(event, *arguments)
    assert outcome(answer) == expected[caller]
    if caller == STRANGER:
        assert "secret" not in str(socket.received())


@pytest.mark.parametrize("caller", list(WITHOUT_SESSION))
def test_a_socket_without_a_session_is_refused(app, scene, caller):
    token = {} if caller == ANONYMOUS else {"token": scene.caller.token}
    if caller == EXPIRED:
        clock.move(timedelta(days=8))
    assert not socketio.test_client(app, auth=token).is_connected()


@pytest.mark.parametrize("event", sorted(EVENT_TABLE))
def test_event_after_the_session_was_revoked(scene, event):
    payload, _ = EVENT_TABLE[event]
    socket, arguments = scene.member.socket(), () if payload is None else (scene.fill(payload),)
    scene.member.post("/api/auth/logout")
    assert not socket.connected
    before = db().entries.count_documents({})
    with pytest.raises(RuntimeError, match="not connected"):
        socket.call(event, *arguments)
    assert db().entries.count_documents({}) == before


@pytest.mark.parametrize("caller", [STRANGER, FORMER])
def test_who_is_not_a_member_hears_nothing_of_a_conversation(scene, caller):
    socket, member = scene.caller.socket(), scene.member.socket()
    socket.forget()
    scene.owner.send(scene.conversation, "hello")
    for event in ("typing", "messageRead", "newMessage", "markAsRead", "deleteConversation"):
        assert member.call(event, scene.fill(EVENT_TABLE[event][0]))["success"]
    about = [row for row in socket.received() if scene.conversation in str(row)]
    assert about == []


def test_a_conversation_that_does_not_exist_looks_like_somebody_elses(scene):
    for text in (scene.conversation, "f" * 24, "nonsense"):
        answer = scene.caller.get(f"/api/conversations/{text}")
        assert (answer["error"]["code"], answer["msg"]) == (UNKNOWN, "Conversation not found")

"""Voice notes and documents of apps of the first protocol."""

import io
from datetime import timedelta

import pytest

from chatapp import clock
from chatapp.services.media import checking
from tests.services.acting import code_of, history


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


@pytest.fixture
def voice(files, monkeypatch):
    """Let every file be a voice note."""
    inspect = checking.inspect_file

    def as_voice(path, **more):
        found = inspect(path, **more)
        fields = {**vars(found), "kind": "voice", "mime": "audio/mp4", "duration": 2.5, "waveform": [1] * 64}
        return type(found)(**fields)

    monkeypatch.setattr(checking, "inspect_file", as_voice)


def upload(app, person=None):
    headers = {"Authorization": f"Bearer {person.token}"} if person else {}
    form = {"audio": (io.BytesIO(b"sound"), "v.m4a"), "duration": "9"}
    return app.test_client().post("/api/upload/voice", data=form, headers=headers)


def test_a_voice_note_is_heard_by_everybody_in_their_way(app, voice, ann, bob, chat, register):
    new = register("pat", protocol=2)
    group = ann.group(bob, new)
    old_app, new_app, own = bob.socket(), new.socket(), ann.socket()
    uploaded = upload(app, ann).json
    assert uploaded["duration"] == 2.5
    answer = own.call("voice:send", {"conversationId": group, "audioUrl": uploaded["audioUrl"], "duration": 2})
    assert answer["success"] and answer["data"]["kind"] == "voice"
    for socket in (old_app, own):
        (heard,) = socket.received("voice:received")
        assert heard["data"]["type"] == "voice" and heard["data"]["audioDuration"] == 2.5
        assert heard["data"]["audioUrl"] == heard["data"]["attachment"]
        assert socket.received("newMessage") == []
    (heard,) = new_app.received("newMessage")
    assert heard["data"]["type"] == "message" and "audioUrl" not in heard["data"]
    assert heard["data"]["attachments"][0]["waveform"] == [1] * 64


def test_an_address_elsewhere_is_a_message_too(files, ann, bob, chat):
    socket, hears = ann.socket(), bob.socket()
    answer = socket.call("voice:send", {"conversationId": chat, "audioUrl": "https://a.example/b.m4a", "duration": 2})
    assert answer["data"]["kind"] == "voice" and len(socket.received("voice:received")) == 1
    assert hears.received("newMessage")[0]["data"]["type"] == "voice"


def test_a_document_is_a_message(app, uploads, ann, bob, chat):
    media = uploads.whole(b"notes", filename="notes.pdf")
    hears, socket = bob.socket(), ann.socket()
    document = {"url": f"http://localhost/media/{media['id']}/notes.pdf", "name": "x", "size": 1, "mimeType": "x/y"}
    answer = socket.call("document:send", {"conversationId": chat, "document": document})
    assert answer["data"]["attachments"][0]["name"] == "notes.pdf"
    assert hears.received("newMessage")[0]["data"]["type"] == "document"


def test_failures_have_their_own_events(files, ann, eve, bob, chat):
    socket = eve.socket()
    bad = {"conversationId": chat, "audioUrl": "https://a.example/b.m4a"}
    assert code_of(socket.call("voice:send", bad)) == "CONVERSATION_NOT_FOUND"
    assert code_of(socket.received("voice:error")[0]) == "CONVERSATION_NOT_FOUND"
    assert code_of(socket.call("document:send", {"conversationId": chat})) == "VALIDATION_ERROR"
    assert socket.received("document:error")
    mine = ann.socket()
    script = {"conversationId": chat, "audioUrl": "javascript:alert(1)"}
    assert code_of(mine.call("voice:send", script)) == "VALIDATION_ERROR"


def test_a_stranger_s_voice_note_is_sent_once_and_soon(app, voice, ann, bob, chat, settings):
    assert upload(app).status_code == 401
    settings(ALLOW_ANONYMOUS_VOICE=True, RATE_ANONYMOUS_VOICE="3 per minute")
    first, second = upload(app).json["audioUrl"], upload(app).json["audioUrl"]
    send = {"conversationId": chat, "audioUrl": first}
    assert ann.socket().call("voice:send", send)["success"]
    taken = bob.socket().call("voice:send", {"conversationId": chat, "audioUrl": first})["data"]
    assert "attachments" not in taken
    clock.move(timedelta(minutes=11))
    late = ann.socket().call("voice:send", {"conversationId": chat, "audioUrl": second})
    assert code_of(late) == "MEDIA_NOT_FOUND" and len(history(ann, chat)) == 2
    answers = [upload(app).status_code for _ in range(4)]
    assert answers == [200, 429, 429, 429]


def test_a_wrong_token_is_no_stranger(app, files, ann, settings):
    settings(ALLOW_ANONYMOUS_VOICE=True)
    ann.token = "a.b.c"
    assert upload(app, ann).status_code == 401

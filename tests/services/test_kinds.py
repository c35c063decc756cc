"""Kinds of messages: text, image, video, voice, document. Old apps know them as types."""

import pytest

from chatapp.services.log.kinds import kind_of
from tests.services.acting import Acts, history, listed

PICTURE = "https://files.test/a.PNG?size=2"


@pytest.mark.parametrize(
    ("attachment", "kind"),
    [
        (None, "text"),
        ("", "text"),
        (PICTURE, "image"),
        ("/media/ab/cd.jpeg", "image"),
        ("https://files.test/film.mov#t=3", "video"),
        ("https://files.test/note.m4a", "voice"),
        ("https://files.test/a.png.pdf", "document"),
        ("https://files.test/png", "document"),
        ("https://files.test/a.mp4/", "document"),
        ("https://video.mov", "document"),
        ("https://files.test/?name=a.png", "document"),
        ("https://[files.test/a.png", "document"),
    ],
)
def test_the_ending_of_the_path_decides(attachment, kind):
    assert kind_of(attachment) == kind


def test_a_new_app_sees_the_kind_and_an_old_one_a_type(register, ann, bob):
    new = register("pat", protocol=2)
    team = ann.group(bob, new)
    sockets = [person.socket() for person in (bob, new)]
    ann.send(team, "look", attachment=PICTURE)
    for socket, shown in zip(sockets, ("image", "message"), strict=True):
        (message,) = [row["data"] for row in socket.received("newMessage")]
        assert (message["type"], message["kind"]) == (shown, "image")
        page = socket.call("getMessages", {"conversationId": team})["data"]
        (chats,) = socket.call("getConversations")["data"]
        for row in (*page, chats["lastMessage"]):
            assert (row["type"], row["kind"]) == (shown, "image")
    for person, shown in ((bob, "image"), (new, "message")):
        for row in (
            history(person, team)[0],
            listed(person)["lastMessage"],
            person.send(team, "", attachment=PICTURE)["data"],
        ):
            assert (row["type"], row["kind"]) == (shown, "image")
        again = person.socket().call(
            "newMessage", {"conversationId": team, "attachment": PICTURE, "clientMsgId": "one"}
        )
        assert again["data"]["type"] == shown
    synced = new.post("/api/sync", {})["data"]["conversations"][0]["entries"]
    assert {row["type"] for row in synced} == {"message"}


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("message:edit", {"newContent": "look here"}),
        ("reaction:add", {"emoji": "👍"}),
        ("message:pin", {}),
        ("message:unpin", {}),
    ],
)
def test_what_an_act_answers_has_it_as_well(register, ann, bob, event, more):
    new = register("pat", protocol=2)
    team = ann.group(bob, new)
    for person, shown in ((ann, "image"), (new, "message")):
        message = person.send(team, "look", attachment=PICTURE)["data"]
        answer = person.socket().call(event, {"messageId": message["id"], **more})
        assert (answer["success"], answer["data"]["type"], answer["data"]["kind"]) == (True, shown, "image")


def test_text_is_a_message_for_everybody_and_so_is_a_tombstone(ann, bob, chat):
    socket = bob.socket()
    ann.send(chat, "hello")
    (told,) = [row["data"] for row in socket.received("newMessage")]
    picture = ann.send(chat, "look", attachment=PICTURE)["data"]
    Acts("rest").delete(ann, picture["id"])
    for row in (told, *history(bob, chat)):
        assert (row["type"], row["kind"]) == ("message", "text")
    assert listed(bob)["lastMessage"]["kind"] == "text"

"""Clients name events. No name, and nothing that comes with it, lets one of them speak to another's sockets."""

import pytest

from chatapp import errors
from chatapp.engine.frames import ProtocolError
from chatapp.engine.packets import RESERVED
from chatapp.extensions import socketio
from chatapp.realtime import emitting
from chatapp.services.accounts import sessions
from chatapp.sockets import EVENTS

NAMES = ["*", "__disconnect_final", "user", "emit", "sessionRevoked", "newUserRegistered", "", "\x00", 5, 1.5, True]


def addressees(person, socket):
    """Return everything that could name somebody's sockets, or everybody's."""
    sid = socketio.server.manager.sid_from_eio_sid(socket.inner.eio_sid, "/")
    return [f"user:{person.id}", person.id, sid, [sid], None, {}, [], "", 0, True, "/", "*"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_nobody_registered_is_an_unknown_event_and_reaches_nobody_else(ann, bob, name):
    mine, theirs = ann.socket(), bob.socket()
    theirs.forget()
    for addressee in addressees(bob, theirs):
        for payload in ((addressee,), (addressee, addressee), ({}, addressee), (addressee, {}, addressee)):
            ack = mine.call(name, *payload)
            assert (ack["error"]["code"], ack["error"]["statusCode"]) == ("UNKNOWN_EVENT", 404)
            assert mine.received("error")[-1] == ack
    assert theirs.received() == [] and mine.connected and theirs.connected


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_more_arguments_than_one_address_nobody(ann, bob, name):
    mine, theirs = ann.socket(), bob.socket()
    theirs.forget()
    for addressee in addressees(bob, theirs):
        assert mine.call(name, addressee, addressee, {"to": addressee, "room": addressee, "skip_sid": addressee})
        assert mine.call(
            name, {"sid": addressee, "to": addressee, "room": addressee, "namespace": addressee}, addressee
        )
    assert [row for row in theirs.received() if row["name"] != "newUserRegistered"] == []
    assert theirs.call("testSocket")["success"]


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_makes_the_packet_invalid(app, name):
    """An invalid packet ends the connection, as the protocol asks for."""
    with pytest.raises(ProtocolError, match="invalid payload"):
        socketio.server.packet_class(encoded_packet=f'2["{name}",{{}}]')


@pytest.mark.parametrize("name", ["*", "noSuchEvent"])
def test_unknown_events_are_counted_before_they_are_answered(ann, settings, name):
    socket = ann.socket()
    settings(RATE_USER="2 per hour")
    codes = [socket.call(name, f"user:{ann.id}")["error"]["code"] for _ in range(4)]
    assert codes == ["UNKNOWN_EVENT"] * 2 + ["RATE_LIMITED"] * 2


def test_events_of_an_ended_session_are_counted_too(ann, settings, monkeypatch):
    def ended(_):
        raise errors.Unauthorized(errors.Code.TOKEN_REVOKED, "This session was ended. Log in again.")

    socket = ann.socket()
    settings(RATE_USER="2 per hour")
    monkeypatch.setattr(sessions, "verify", ended)
    codes = [socket.call("testSocket")["error"]["code"] for _ in range(3)]
    assert codes == ["TOKEN_REVOKED", "TOKEN_REVOKED", "RATE_LIMITED"]


def test_an_answer_goes_to_a_connected_socket_and_to_nothing_else(ann, bob):
    theirs = bob.socket()
    theirs.forget()
    sid = socketio.server.manager.sid_from_eio_sid(theirs.inner.eio_sid, "/")
    for addressee in (None, "", f"user:{bob.id}", "nobody"):
        emitting.reply(addressee, "told", {})
    assert theirs.received() == []
    emitting.reply(sid, "told", {})
    assert [row["name"] for row in theirs.received()] == ["told"]

"""RFC 6455: the kinds of cases that Autobahn's fuzzing client has (make autobahn), where no Python 2 is needed."""

import pytest

from chatapp.engine import frame_reader, frames
from chatapp.engine.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from tests.engine import raw
from tests.engine.raw import masked


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1_000_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_any_size_come_back(bare, opcode, size):
    websocket = bare.echo()
    websocket.send(masked(opcode, b"*" * size))
    assert websocket.receive() == (opcode, b"*" * size)


@pytest.mark.parametrize("chop", [1, 3, 997])
def test_it_does_not_matter_how_the_bytes_are_cut(bare, chop):
    websocket = bare.echo()
    data = masked(TEXT, "Grüße 😀 ".encode() * 20) + masked(PING, b"x") + masked(BINARY, b"\x00" * 300)
    for start in range(0, len(data), chop):
        websocket.send(data[start : start + chop])
    assert websocket.receive() == (TEXT, "Grüße 😀 ".encode() * 20)
    assert websocket.receive() == (PONG, b"x")
    assert websocket.receive() == (BINARY, b"\x00" * 300)


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe", b"x" * 125])
def test_a_ping_is_answered(bare, payload):
    websocket = bare.echo()
    websocket.send(masked(PING, payload))
    assert websocket.receive() == (PONG, payload)


def test_pings_are_answered_in_order_and_pongs_are_not(bare):
    websocket = bare.echo()
    websocket.send(masked(PONG, b"unsolicited") + b"".join(masked(PING, b"%d" % number) for number in range(10)))
    assert [websocket.receive() for _ in range(10)] == [(PONG, b"%d" % number) for number in range(10)]


def test_a_message_in_fragments_with_control_frames_between(bare):
    websocket = bare.echo()
    websocket.send(masked(TEXT, b"frag", final=False) + masked(PING, b"!") + masked(CONTINUATION, b"", final=False))
    assert websocket.receive() == (PONG, b"!")
    websocket.send(masked(PONG, b"?") + masked(CONTINUATION, b"ment"))
    assert websocket.receive() == (TEXT, b"fragment")


def test_many_fragments(bare):
    websocket = bare.echo()
    websocket.send(masked(BINARY, b"x", final=False))
    websocket.send(b"".join(masked(CONTINUATION, b"y", final=False) for _ in range(998)) + masked(CONTINUATION, b"z"))
    assert websocket.receive() == (BINARY, b"x" + b"y" * 998 + b"z")


BROKEN = {
    "a reserved bit": masked(TEXT, b"x", reserved=4),
    "another reserved bit": masked(PING, b"x", reserved=1),
    **{f"opcode {opcode}": masked(opcode, b"x") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a long ping": masked(PING, b"x" * 126),
    "a ping in fragments": masked(PING, b"x", final=False),
    "a close in fragments": masked(CLOSE, b"\x03\xe8", final=False),
    "a continuation of nothing": masked(CONTINUATION, b"x"),
    "two messages at once": masked(TEXT, b"x", final=False) + masked(TEXT, b"y"),
    "no mask": b"\x81\x05Hello",
    "no mask, empty": b"\x81\x00",
    "a close of one byte": masked(CLOSE, b"\x03"),
    **{
        f"close code {code}": masked(CLOSE, code.to_bytes(2, "big"))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_ends_the_connection_after_what_was_not(bare, data):
    websocket = bare.echo()
    websocket.send(masked(TEXT, b"before") + data + masked(TEXT, b"after"))
    assert websocket.receive() == (TEXT, b"before")
    assert websocket.receive() == (CLOSE, websocket_code(frames.PROTOCOL_ERROR, data))
    with pytest.raises(EOFError):
        websocket.receive()


def websocket_code(code, data):
    """Return the body of the close frame that data gets."""
    reader = frame_reader.Reader(1 << 20, 1 << 20, 1 << 20)
    reader.feed(data)
    return frames.build_close(code, reader.broken.reason)[2:]


INVALID = [
    b"\x80",
    b"\xff",
    b"\xc3",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    "κόσμε".encode() + b"\xed\xa0\x80edited",
]


@pytest.mark.parametrize("payload", INVALID, ids=repr)
def test_invalid_utf_8_ends_the_connection(bare, payload):
    websocket = bare.echo()
    websocket.send(masked(TEXT, payload))
    assert websocket.end() == frames.INVALID_DATA


@pytest.mark.parametrize("payload", [b"\xff", b"\xf4\x90", "κόσμε".encode() + b"\xf4\x90"], ids=repr)
def test_invalid_utf_8_fails_before_the_message_has_ended(bare, payload):
    websocket = bare.echo()
    websocket.send(masked(TEXT, payload, final=False))
    assert websocket.end() == frames.INVALID_DATA
    websocket = bare.echo()
    websocket.send(masked(TEXT, payload + b"x" * 100)[: len(payload) + 6])
    assert websocket.end() == frames.INVALID_DATA


def test_a_character_may_be_cut_between_fragments_and_not_at_the_end(bare):
    websocket = bare.echo()
    websocket.send(masked(TEXT, b"\xf0\x9f", final=False) + masked(CONTINUATION, b"\x98\x80"))
    assert websocket.receive() == (TEXT, "😀".encode())
    websocket.send(masked(TEXT, b"\xf0\x9f", final=False) + masked(CONTINUATION, b"\x98"))
    assert websocket.end() == frames.INVALID_DATA


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999])
def test_a_close_is_answered_with_its_code(bare, code):
    websocket = bare.echo()
    websocket.send(masked(CLOSE, code.to_bytes(2, "big") + b"bye"))
    assert websocket.receive() == (CLOSE, code.to_bytes(2, "big"))
    with pytest.raises(EOFError):
        websocket.receive()


def test_a_close_without_a_code_is_answered_without_one(bare):
    websocket = bare.echo()
    websocket.send(masked(CLOSE) + masked(TEXT, b"too late"))
    assert websocket.receive() == (CLOSE, b"")
    with pytest.raises(EOFError):
        websocket.receive()


def test_a_reason_has_to_be_utf_8(bare):
    websocket = bare.echo()
    websocket.send(masked(CLOSE, b"\x03\xe8\xff"))
    assert websocket.end() == frames.INVALID_DATA


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade"}, 101),
        ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}, 101),
        ({"Sec_WebSocket_Extensions": "permessage-deflate"}, 101),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Version": ""}, 426),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=?"}, 400),
        ({"Upgrade": ""}, 400),
        ({"Connection": "close"}, 400),
        ({"Content_Length": "5"}, 400),
    ],
)
def test_the_opening_handshake(bare, headers, status):
    websocket = bare.websocket(early=b"hello" if "Content_Length" in headers else b"", **headers)
    assert websocket.status == status


def test_the_accept_key_is_the_one_of_the_rfc(bare):
    sock = raw.connect(bare.address)
    sock.sendall(raw.upgrade_request("/echo", Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ=="))
    answer = sock.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert b"Sec-WebSocket-Extensions" not in answer

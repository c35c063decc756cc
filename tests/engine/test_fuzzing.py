"""Any bytes lead to nothing but the protocol's own errors, and take no more memory than the limits allow."""

import json

import pytest
import websockets.utils
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.engine import frame_reader, frames, packets
from chatapp.engine.frame_reader import Reader
from chatapp.engine.frames import ProtocolError
from tests.engine.raw import masked

LIMIT = 1_000
opcodes = st.sampled_from([0, 0, 1, 1, 2, 8, 9, 10, 3, 15])
well_formed = st.builds(
    masked,
    opcodes,
    st.binary(max_size=1_500) | st.text(max_size=300).map(str.encode),
    final=st.booleans(),
    mask=st.binary(min_size=4, max_size=4),
)
streams = st.lists(well_formed | st.binary(max_size=40), max_size=12).map(b"".join)


def feed_in_pieces(stream, cuts):
    """Return a reader that was fed the stream, cut at these places; and its events."""
    reader, events, start = Reader(LIMIT, 8, 100), [], 0
    for cut in [*sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]:
        events += reader.feed(stream[start:cut])
        start = cut
        assert reader.held <= LIMIT and len(reader._rest) <= 14 + frames.MAX_CONTROL
    return reader, events


@settings(max_examples=150, deadline=None)
@given(streams, st.lists(st.integers(min_value=0, max_value=20_000), max_size=6))
def test_the_reader_takes_anything_and_does_not_mind_how_it_is_cut(stream, cuts):
    whole, expected = feed_in_pieces(stream, [])
    reader, events = feed_in_pieces(stream, cuts)
    assert events == expected
    assert (reader.broken is None) == (whole.broken is None)
    for kind, content in events:
        if kind == frames.CLOSE:
            assert content[0] == frames.NO_CODE or frames.parse_close(frames.build_close(*content)[2:])
        elif kind == frames.TEXT:
            assert len(content.encode()) <= LIMIT
        else:
            assert len(content) <= LIMIT


@pytest.mark.parametrize("apply_mask", [frame_reader.apply_mask, websockets.utils.apply_mask])
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2_000), st.binary(min_size=4, max_size=4))
def test_unmasking_is_its_own_inverse(apply_mask, data, mask):
    assert apply_mask(apply_mask(data, mask), mask) == data
    assert apply_mask(data, mask) == bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fragments = st.sampled_from(
    ["0", "1", "2", "3", "5", "51-", "6", "/", "/a,", ",", "[", "]", '"x"', "{}", "-", "9" * 20]
)
packet_texts = st.text(max_size=60) | st.lists(fragments, max_size=8).map("".join)


@settings(max_examples=100, deadline=None)
@given(packet_texts)
def test_the_packet_decoder_takes_anything(text):
    if not text:
        return  # the server refuses it before
    try:
        packet = packets.Packet(encoded_packet=text)
    except ProtocolError as error:
        assert error.code == frames.POLICY and error.reason
        return
    assert packet.attachment_count <= packets.MAX_ATTACHMENTS
    assert packet.id is None or len(str(packet.id)) <= packets.MAX_ID_DIGITS


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1).filter(lambda name: name not in packets.RESERVED), st.lists(values, max_size=3))
def test_what_is_encoded_is_decoded(name, arguments):
    for namespace, number in ((None, None), ("/custom", 5)):
        sent = packets.Packet(2, data=[name, *arguments], namespace=namespace, id=number).encode()
        read = packets.Packet(encoded_packet=sent)
        assert (read.packet_type, read.namespace, read.id) == (2, namespace, number)
        assert json.dumps(read.data) == json.dumps([name, *arguments])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_the_payload_decoder_takes_anything(body):
    try:
        split = packets.split(body)
    except ProtocolError as error:
        assert error.code == frames.INVALID_DATA
        return
    assert sum(map(len, split)) <= len(body)

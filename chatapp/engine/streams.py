"""Streams of bytes between processes, over messages of which each arrives once or never, and in any order.

A process opens a stream to another one with a request. Each end may then send notes and bytes; who receives decides by
a window how many bytes may be under way. A stream of which something was lost, or whose other end is gone, is over.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable
from time import monotonic

import gevent

from chatapp.engine.stream import Frame, Gone, Key, Stream

BATCH_BYTES = 1_000_000  # of one message
_FRAME_BYTES = 100  # beside its data
MOST_OF_A_PEER = 20_000  # streams
_GAP_SECONDS = 3.0  # for a piece that others have overtaken
_VERDICT_SECONDS = 120.0
_CROWDED_SECONDS = 0.01


class Streams:
    """All streams of this process. `send(peer, message)` sends one message, and returns False when there is no such
    peer; `way(peer)` names the connection to a peer, None when there is none that is quick: a stream ends when it
    changes. `serve(stream, request)` is run, in a greenlet, for each stream that a peer opens. While `is_crowded()`,
    nothing is sent. The bytes that go to who serves a stream, which clients' secrets may be in, are concealed."""

    def __init__(
        self,
        send: Callable[[str, Frame], bool],
        way: Callable[[str], object],
        serve: Callable[[Stream, Frame], object],
        is_crowded: Callable[[], bool] = lambda: False,
        conceal: Callable[[bytes], bytes] = bytes,
        reveal: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._send = send
        self._way = way
        self._serve = serve
        self._is_crowded = is_crowded
        self.conceal = conceal
        self.reveal = reveal
        self._streams: dict[str, dict[Key, Stream]] = defaultdict(dict)
        self._ways: dict[str, object] = {}
        self._outgoing: dict[str, list[Frame]] = defaultdict(list)
        self._is_flush_planned = False
        self._number = 0
        self._with_gaps: set[Stream] = set()
        self._let_go: dict[Stream, float] = {}

    def __len__(self) -> int:
        return sum(len(streams) for streams in self._streams.values())

    def open(self, peer: str, request: Frame) -> Stream:
        """Open a stream to a peer; raises Gone when it can't be reached, or has too many already."""
        self._number += 1
        stream = self._add(peer, (self._number, True))
        if stream is None:
            raise Gone
        self.put(stream, {"open": request})
        return stream

    def _add(self, peer: str, key: Key) -> Stream | None:
        way = self._way(peer)
        if way is None or len(self._streams[peer]) >= MOST_OF_A_PEER:
            return None
        if self._ways.setdefault(peer, way) != way:
            self.lose(peer)
            self._ways[peer] = way
        stream = self._streams[peer][key] = Stream(self, peer, key)
        return stream

    def put(self, stream: Stream, frame: Frame) -> None:
        """Send a frame of a stream, with what else this turn of the event loop sends to the peer."""
        number, is_mine = stream.key
        self._put(stream.peer, {"stream": number, "mine": is_mine, **frame})

    def _put(self, peer: str, frame: Frame) -> None:
        self._outgoing[peer].append(frame)
        if not self._is_flush_planned:
            self._is_flush_planned = True
            gevent.get_hub().loop.run_callback(self._flush)

    def _flush(self) -> None:
        self._is_flush_planned = False
        for peer in list(self._outgoing):
            frames = self._outgoing[peer]
            while frames:
                if self._is_crowded():
                    self._is_flush_planned = True
                    gevent.spawn_later(_CROWDED_SECONDS, self._flush)
                    return
                count = _together(frames)
                batch, frames[:count] = frames[:count], []
                if not self._send(peer, {"frames": batch}):
                    self.lose(peer)
            del self._outgoing[peer]

    def received(self, peer: str, message: Frame) -> None:
        """Take a message of a peer."""
        for frame in message["frames"]:
            key = (int(frame["stream"]), not frame["mine"])
            stream = self._streams[peer].get(key) if peer in self._streams else None
            if "open" in frame and stream is None and not key[1]:
                stream = self._add(peer, key)
                if stream is not None:
                    gevent.spawn(self._serve, stream, frame["open"])
                    continue
            if stream is not None:
                stream.take(frame)
            elif "reset" not in frame and "room" not in frame and "end" not in frame:
                self._put(peer, {"stream": key[0], "mine": key[1], "reset": True})

    def watch_gap(self, stream: Stream) -> None:
        """Look at times whether what a stream misses has come."""
        if stream.gap_since:
            self._with_gaps.add(stream)
        else:
            self._with_gaps.discard(stream)

    def let_go(self, stream: Stream) -> None:
        """Forget a stream in a while, if its other end does not say how it has ended."""
        self._let_go[stream] = monotonic() + _VERDICT_SECONDS

    def forget(self, stream: Stream) -> None:
        """Forget a stream that is over."""
        self._with_gaps.discard(stream)
        self._let_go.pop(stream, None)
        self._streams[stream.peer].pop(stream.key, None)
        if not self._streams[stream.peer]:
            del self._streams[stream.peer]
            self._ways.pop(stream.peer, None)

    def lose(self, peer: str) -> None:
        """End all streams of a peer that is gone, or with which something may have been lost."""
        for stream in list(self._streams.get(peer, {}).values()):
            stream.lose()

    def tick(self) -> None:
        """End the streams that can't go on; called every second."""
        now = monotonic()
        for peer, way in list(self._ways.items()):
            if self._way(peer) != way:
                self.lose(peer)
        for stream in [stream for stream in self._with_gaps if now - stream.gap_since > _GAP_SECONDS]:
            stream.fail()
        for stream in list(itertools.takewhile(lambda stream: self._let_go[stream] < now, self._let_go)):
            stream.on_gone = None
            stream.reset()


def _together(frames: list[Frame]) -> int:
    """Return how many of the first frames are about what one message takes."""
    size = 0
    for count, frame in enumerate(frames, 1):
        size += len(frame.get("data", b"")) + _FRAME_BYTES
        if size >= BATCH_BYTES:
            return count
    return len(frames)

"""The shape of sound: 64 numbers from 0 to 100, the loudest being 100."""

from array import array
from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer

POINTS = 64
RATE = 8_000  # samples a second that loudness is measured at
SLICE = 400  # samples measured together: 50 ms
LONG_SECONDS = 20 * 60  # longer sound is measured at 64 places only
PLACE_SLICES = 20


def measure(source: InputContainer, stream: Any) -> tuple[float, list[int]] | None:
    """Return the length in seconds and the shape of a stream of sound, None if nothing of it can be decoded."""
    known = (source.duration or 0) / av.time_base
    if known > LONG_SECONDS:
        return round(known, 3), _scaled(list(_at_places(source, stream, known)))
    levels = list(_levels(source, stream))
    if not levels:
        return None
    return round(known or len(levels) * SLICE / RATE, 3), _scaled(list(_joined(levels)))


def _levels(source: InputContainer, stream: Any) -> Iterator[int]:
    """Yield the loudness of each 50 ms. What can't be decoded in between is passed over, as players do."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for packet in source.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in (small for decoded in frames for small in resampler.resample(decoded)):
            samples = array("h", bytes(frame.planes[0])[: 2 * frame.samples])
            for start in range(0, len(samples), SLICE):
                piece = samples[start : start + SLICE]
                yield max(max(piece), -min(piece))


def _at_places(source: InputContainer, stream: Any, seconds: float) -> Iterator[int]:
    """Yield the loudness at 64 places of long sound."""
    for number in range(POINTS):
        source.seek(int(seconds * number / POINTS * av.time_base))
        levels = _levels(source, stream)
        yield max((level for level, _ in zip(levels, range(PLACE_SLICES), strict=False)), default=0)


def _joined(levels: list[int]) -> Iterator[int]:
    """Yield 64 levels out of any number: of many the loudest, of few each several times."""
    for number in range(POINTS):
        start = number * len(levels) // POINTS
        end = max(start + 1, (number + 1) * len(levels) // POINTS)
        yield max(levels[start:end])


def _scaled(levels: list[int]) -> list[int]:
    loudest = max([*levels, 1])
    return [round(100 * level / loudest) for level in levels]

"""Find out what a file is, by a process that can do no harm: nothing of it is decoded in the server itself.

There is one process at a time. Its memory and time are bounded, its environment is empty, and it leads a group of its
own that is killed as a whole. The server waits in one greenlet.
"""

import os
import signal
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import gevent
import orjson
import structlog
from gevent.hub import get_hub
from gevent.lock import BoundedSemaphore
from gevent.monkey import get_original
from gevent.os import make_nonblocking, nb_read

from chatapp import errors
from chatapp.media_inspection.clamd import ScannerUnavailable, find_malware
from chatapp.settings import config

logger = structlog.get_logger("chatapp.media")
SECONDS = 20.0  # after which the process is killed
MEMORY_BYTES = 1_200_000_000  # of the process's address space, its libraries included
ANSWER_BYTES = 100_000
_HERE = Path(__file__).resolve().parent
_turn = BoundedSemaphore()  # one process at a time
_close_now = get_original("os", "close")  # gevent's waits for the loop's next event, and so would the end of the output


@dataclass(frozen=True)
class Inspected:
    """A file as people get it, at `path`, with its small pictures in `thumbs` (edge in pixels → file)."""

    state: str  # ready or refused
    reason: str  # why it is refused, else empty
    kind: str  # image, video, voice, audio or document
    mime: str
    path: Path
    size: int
    sha256: str
    thumbs: dict[int, Path] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None
    duration: float | None = None  # in seconds
    thumbhash: str | None = None  # base64
    waveform: list[int] | None = None  # 64 numbers from 0 to 100


def inspect_file(path: Path, *, claimed_mime: str, name: str, as_document: bool, out_dir: Path) -> Inspected:
    """Look into a file, and return it as people get it: without metadata, upright, with its small pictures.

    Files are made in `out_dir`. `as_document` keeps the bytes. What a client claims is not believed: the bytes decide.
    Bombs and malware are refused; what can't be decoded is a document. Raises Unavailable when it can't be found out.
    """
    if config().CLAMD_ADDRESS and (malware := _scan(path)):
        return _refused(path, f"malware was found in it ({malware})")
    job = {"path": str(path), "out_dir": str(out_dir), "as_document": as_document, "memory_bytes": MEMORY_BYTES}
    with _turn:
        lines = _run(
            [sys.executable, "-I", "-B", str(_HERE / "begin.py"), str(_HERE.parent), orjson.dumps(job).decode()]
        )
    if not lines:
        logger.error("the inspecting process did not begin", claimed=claimed_mime, name=Path(name).suffix)
        raise errors.Unavailable(errors.Code.SERVER_BUSY, "Files can't be checked just now")
    if lines[-1] == b"late":
        return _refused(path, f"looking into it took longer than {SECONDS:g} seconds")
    if len(lines) < 2:
        return _refused(path, "its decoder broke down, or needed too much memory")
    return _read(path, orjson.loads(lines[1]))


def _scan(path: Path) -> str | None:
    try:
        return find_malware(config().CLAMD_ADDRESS, path)
    except ScannerUnavailable as unavailable:
        logger.error("a file could not be scanned", reason=str(unavailable))
        raise errors.Unavailable(errors.Code.SERVER_BUSY, "Files can't be scanned for malware just now") from None


def _refused(path: Path, reason: str) -> Inspected:
    return Inspected("refused", reason, "document", "application/octet-stream", path, 0, "")


def _read(path: Path, answer: dict[str, Any]) -> Inspected:
    """Return the process's answer, with its file names as paths."""
    if answer.get("state") == "refused":
        return _refused(path, answer["reason"])
    known = {row.name for row in fields(Inspected)}
    values = {name: value for name, value in answer.items() if name in known}
    thumbs = {int(edge): Path(file) for edge, file in answer.get("thumbs", {}).items()}
    return Inspected(**{"state": "ready", "reason": "", **values, "path": Path(answer["path"]), "thumbs": thumbs})


def _run(command: list[str]) -> list[bytes]:
    """Return the lines that a command prints, with `late` as the last one if it was killed for its time."""
    reading, writing = os.pipe()
    process = None
    try:
        try:
            process = _spawn(command, writing)
        finally:
            _close_now(writing)
        make_nonblocking(reading)
        printed, is_complete = b"", False
        with gevent.Timeout(SECONDS, False):
            while (more := nb_read(reading, 65_536)) and len(printed) < ANSWER_BYTES:
                printed += more
            is_complete = True
        return [*printed.splitlines(), *([] if is_complete else [b"late"])]
    finally:
        os.close(reading)
        if process is not None:
            _end(process)


def _spawn(command: list[str], output: int) -> int:
    """Start a process without a copy of the server's memory, as leader of a session; return its id."""
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        places = [
            (os.POSIX_SPAWN_DUP2, nothing, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, nothing, 2),
        ]
        return os.posix_spawn(command[0], command, {"LC_ALL": "C.UTF-8"}, file_actions=places, setsid=True)
    finally:
        _close_now(nothing)


def _end(process: int) -> None:
    """Kill a process and its group, and collect it."""
    try:
        os.killpg(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # has ended
    get_hub().threadpool.apply(_collect, (process,))


def _collect(process: int) -> None:
    """Wait in a thread, which has no loop, for a process that was killed."""
    try:
        get_original("os", "waitpid")(process, 0)
    except ChildProcessError:
        pass  # the loop was first

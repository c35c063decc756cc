"""A scan by ClamAV's daemon, with its command INSTREAM: https://docs.clamav.net/manual/Usage/Scanning.html#clamd"""

from collections.abc import Callable
from pathlib import Path

from gevent import socket
from gevent.hub import get_hub

PIECE_BYTES = 64 * 1024
SECONDS = 60  # for each piece, and for the answer


class ScannerUnavailable(Exception):
    """The scanner can't be asked, or did not look at the whole file; the text says why."""


def find_malware(address: str, path: Path) -> str | None:
    """Return the name of the malware in a file, None if there is none.

    `address` is `host:port`, or `unix:` and the path of a socket. Raises ScannerUnavailable.
    """
    verdict = _exchange(address, lambda connection: _send(connection, path)).removeprefix("stream:").strip()
    if verdict.endswith(" FOUND"):
        return verdict.removesuffix(" FOUND")
    if verdict != "OK":
        raise ScannerUnavailable(f"clamd at {address} did not look at the file: {verdict[:200] or 'no answer'}")
    return None


def ping_scanner(address: str) -> None:
    """Ask the scanner if it is there. Raises ScannerUnavailable."""
    answer = _exchange(address, lambda connection: connection.sendall(b"zPING\0"))
    if answer != "PONG":
        raise ScannerUnavailable(f"{address} answers {answer[:100]!r}, which clamd does not")


def _exchange(address: str, send: Callable[[socket.socket], None]) -> str:
    """Return the answer to what `send` sends."""
    try:
        with _connect(address) as connection:
            send(connection)
            return _answer(connection)
    except (OSError, ValueError) as error:
        raise ScannerUnavailable(f"clamd at {address} can't be asked ({type(error).__name__}: {error})") from None


def _connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        try:
            connection.connect(address.removeprefix("unix:"))
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS)


def _send(connection: socket.socket, path: Path) -> None:
    """Send a file in pieces that say their length."""
    threads = get_hub().threadpool
    connection.sendall(b"zINSTREAM\0")
    with path.open("rb") as file:
        while piece := threads.apply(file.read, (PIECE_BYTES,)):
            connection.sendall(len(piece).to_bytes(4, "big") + piece)
    connection.sendall(bytes(4))


def _answer(connection: socket.socket) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < 1000 and (more := connection.recv(1000)):
        answer += more
    return answer.rstrip(b"\0").decode("utf-8", "replace")

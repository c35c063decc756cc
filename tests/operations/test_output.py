"""Log lines that nobody takes: a dead reader, a sleeping one, a full disk, no stream at all. The server goes on."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from chatapp import metrics
from chatapp.output import Output
from tests.server import PATIENCE_SECONDS, REAL_CLIENTS, ROOT, Server

pytestmark = REAL_CLIENTS
LINE = "x" * 99 + "\n"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server whose standard output and error go to a descriptor, or nowhere: `serve(None)`."""
    servers = []

    def start(descriptor: int | None, **settings: str) -> Server:
        server = Server(tmp_path, f"litemongo://{tmp_path / 'store'}", settings)
        command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
        if descriptor is None:
            command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
        server.process = subprocess.Popen(
            command, cwd=ROOT, env=server.environment, stdout=descriptor, stderr=descriptor
        )
        servers.append(server)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not server.is_healthy():
            assert server.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        return server

    yield start
    for server in servers:
        server.stop()


def chat(server: Server, name: str = "ann") -> None:
    """Let two people register, one write, and the other get it over a socket."""
    ann, bob = server.register(name), server.register(f"{name}-friend")
    received: list[Any] = []
    for transport in ("polling", "websocket"):
        client = server.connect(bob, [transport])
        client.on("newMessage", received.append)
        body = {"type": "direct", "participants": [bob["data"]["id"]]}
        conversation = server.call("POST", "/api/user/conversations", ann, body)["data"]["id"]
        answer = server.call("POST", f"/api/conversations/{conversation}/messages", ann, {"content": transport})
        assert answer["success"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(row["data"]["content"] == transport for row in received):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        client.disconnect()
    ready = requests.get(f"{server.url}/api/health/ready", timeout=PATIENCE_SECONDS)
    assert ready.status_code == 200


def dropped(server: Server) -> float:
    """Return how many log lines the server says that it dropped."""
    text = requests.get(f"{server.url}/metrics", timeout=PATIENCE_SECONDS).text
    (line,) = [row for row in text.splitlines() if row.startswith("chatapp_log_lines_dropped_total ")]
    return float(line.split()[1])


def test_the_reader_dies(serve):
    reader, writer = os.pipe()
    server = serve(writer)
    os.close(writer)
    chat(server)
    os.close(reader)
    chat(server, "eve")
    assert dropped(server) > 0
    assert server.call("GET", "/api/nowhere", None)["error"]["code"] == "ROUTE_NOT_FOUND"


def test_nobody_reads_a_full_pipe_and_then_somebody_does(serve):
    reader, writer = os.pipe()
    while True:
        os.set_blocking(writer, False)
        try:
            os.write(writer, LINE.encode())
        except BlockingIOError:
            break
    os.set_blocking(writer, True)  # as a shell leaves it
    server = serve(writer)
    assert os.get_blocking(writer), "the mode of the pipe is not the server's alone"
    os.close(writer)
    chat(server)
    while not dropped(server):
        server.call("GET", "/api/nowhere", None)
    text = b""
    while b"log lines were dropped" not in text:
        text += os.read(reader, 65_536)
    assert b"\n\n" not in text, "no line is cut"
    os.close(reader)


def test_the_disk_of_the_log_is_full(serve):
    with open("/dev/full", "wb") as full:
        server = serve(full.fileno())
    chat(server)
    assert dropped(server) > 0


def test_there_is_no_stream_at_all(serve):
    chat(serve(None))


def test_the_server_stops_and_starts_its_worker_anew_without_a_reader(serve):
    reader, writer = os.pipe()
    server = serve(writer, LOG_LEVEL="WARNING")
    os.close(writer)
    os.close(reader)
    worker = int(Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()[0])
    os.kill(worker, 9)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not server.is_healthy():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    chat(server)
    server.process.terminate()
    assert server.process.wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_what_waits_comes_in_order_and_whole(pipe):
    reader, writer = pipe
    output = Output(writer)
    before = metrics.log_lines_dropped._value.get()
    numbers = range(5_000)
    for number in numbers:
        output.write(f"{number} {LINE}")
    lost = int(metrics.log_lines_dropped._value.get() - before)
    assert lost > 0 and output.take_lost() == 0, "it is not said as long as nobody reads"
    text = ""
    while output._waiting:
        text += os.read(reader, 65_536).decode()
        output.flush()
    text += os.read(reader, 1_000_000).decode()
    assert output.take_lost() == lost and output.take_lost() == 0
    assert [int(line.split()[0]) for line in text.splitlines()] == list(numbers)[: len(numbers) - lost]

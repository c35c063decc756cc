"""The mesh of a machine's workers: real Unix sockets, in one process."""

import os
import tempfile
from pathlib import Path

import gevent
import pytest

from chatapp.bus.mesh import Mesh
from tests.conftest import eventually


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


class Worker:
    def __init__(self, folder: Path, name: str) -> None:
        self.heard: list[bytes] = []
        self.mesh = Mesh(folder, name)
        self.mesh.start(self.heard.append)


def test_everybody_hears_everybody_in_order(folder):
    workers = {name: Worker(folder, name) for name in ("one", "two", "three")}
    eventually(lambda: all(len(worker.mesh._writers) == 2 for worker in workers.values()))
    for name, worker in workers.items():
        for n in range(50):
            worker.mesh.send(f"{name} {n}".encode())
    eventually(lambda: all(len(worker.heard) == 100 for worker in workers.values()))
    for name, worker in workers.items():
        for other in workers.keys() - {name}:
            heard = [frame for frame in worker.heard if frame.startswith(other.encode() + b" ")]
            assert heard == [f"{other} {n}".encode() for n in range(50)]
        worker.mesh.stop()


def test_who_comes_later_is_found_at_once(folder):
    one = Worker(folder, "one")
    two = Worker(folder, "two")
    eventually(lambda: "two" in one.mesh._writers)
    one.mesh.send(b"to all")
    two.mesh.send(b"to one", "one")
    eventually(lambda: two.heard == [b"to all"] and one.heard == [b"to one"])
    one.mesh.stop()
    two.mesh.stop()


def test_the_machine_in_a_name_makes_no_path_longer(folder):
    one, two = Worker(folder, "one-3f2a"), Worker(folder, "two-3f2a")
    eventually(lambda: "two-3f2a" in one.mesh._writers)
    assert {path.name for path in folder.iterdir()} == {"one.bus", "two.bus"}
    one.mesh.send(b"to one", "two-3f2a")
    eventually(lambda: two.heard == [b"to one"])
    one.mesh.stop()
    two.mesh.stop()


def test_who_has_ended_is_let_go_and_its_successor_found(folder):
    one, two = Worker(folder, "one"), Worker(folder, "two")
    eventually(lambda: "two" in one.mesh._writers and "one" in two.mesh._writers)
    two.mesh.stop()
    eventually(lambda: one.mesh.send(b"into nothing") or "two" not in one.mesh._writers)  # as heartbeats do
    again = Worker(folder, "two")
    eventually(lambda: "two" in one.mesh._writers)
    one.mesh.send(b"again")
    eventually(lambda: again.heard == [b"again"])
    one.mesh.stop()
    again.mesh.stop()


def test_a_dead_worker_s_socket_is_passed_over(folder):
    os.close(os.open(folder / "dead.bus", os.O_CREAT))
    one, two = Worker(folder, "one"), Worker(folder, "two")
    eventually(lambda: "two" in one.mesh._writers)
    assert "dead" not in one.mesh._writers
    one.mesh.stop()
    two.mesh.stop()


def test_a_peer_that_takes_nothing_costs_bounded_memory_and_holds_up_nobody(folder, monkeypatch):
    monkeypatch.setattr("chatapp.bus.mesh._MOST_WAITING_BYTES", 1_000_000)
    one, two = Worker(folder, "one"), Worker(folder, "two")
    eventually(lambda: "two" in one.mesh._writers and "one" in two.mesh._writers)
    two.mesh._received = lambda _: gevent.sleep(60)
    for _ in range(100):
        one.mesh.send(bytes(100_000))
        gevent.sleep(0)
    assert one.mesh._writers["two"]._waiting_bytes < 1_200_000
    assert one.mesh._writers["two"].dropped > 50
    one.mesh.stop()
    two.mesh.stop()


def test_large_frames_come_whole(folder):
    one, two = Worker(folder, "one"), Worker(folder, "two")
    eventually(lambda: "two" in one.mesh._writers)
    frame = os.urandom(3_000_000)
    one.mesh.send(frame)
    eventually(lambda: two.heard == [frame])
    one.mesh.stop()
    two.mesh.stop()

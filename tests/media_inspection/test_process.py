"""The process that looks into files: alone, poor, and gone when it is done."""

import sys
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from chatapp.media_inspection import inspect
from chatapp.media_inspection.child import waveforms
from tests.conftest import eventually
from tests.media_inspection import corpus


def test_its_environment_has_no_secrets(monkeypatch):
    monkeypatch.setenv("JWT_SECRET", "secret")
    assert inspect._run(["/usr/bin/env"]) == [b"LC_ALL=C.UTF-8"]


def test_it_has_none_of_the_servers_files(tmp_path):
    code = (
        "import glob, os; print([os.readlink(path) for path in glob.glob('/proc/self/fd/*') if os.path.lexists(path)])"
    )
    with (tmp_path / "open").open("w"):
        (line,) = inspect._run([sys.executable, "-I", "-c", code])
    assert b"pipe:" in line
    assert str(tmp_path).encode() not in line


def test_it_is_killed_with_what_it_has_started(monkeypatch):
    monkeypatch.setattr(inspect, "SECONDS", 0.5)
    code = "import os, time; os.fork(); print(os.getpid(), flush=True); time.sleep(600)"
    *processes, late = inspect._run([sys.executable, "-I", "-c", code])
    assert late == b"late"
    assert len(processes) == 2
    eventually(lambda: not any(is_alive(int(process)) for process in processes))


def is_alive(process):
    """Return True for a process that is there, and not a dead one that nobody has collected."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_there_is_one_at_a_time(look, monkeypatch):
    running, most, go_on = [], [], Event()

    def run(command):
        running.append(command)
        most.append(len(running))
        go_on.wait()
        running.pop()
        return [b"late"]

    monkeypatch.setattr(inspect, "_run", run)
    path = corpus.__file__
    jobs = [
        gevent.spawn(inspect.inspect_file, path, claimed_mime="", name="", as_document=True, out_dir=path)
        for _ in range(3)
    ]
    gevent.idle()
    go_on.set()
    gevent.joinall(jobs, raise_error=True)
    assert most == [1, 1, 1]


def test_long_sound_is_measured_at_places(tmp_path, monkeypatch):
    av = pytest.importorskip("av")
    monkeypatch.setattr(waveforms, "LONG_SECONDS", 1)
    corpus.sound(tmp_path, "wav", "pcm_s16le", seconds=6)
    with av.open(str(tmp_path / "made.wav")) as source:
        seconds, levels = waveforms.measure(source, source.streams.audio[0])
    assert (seconds, len(levels), max(levels)) == (6, 64, 100)
    assert min(levels[:20]) > 90
    assert max(levels[44:]) < 20

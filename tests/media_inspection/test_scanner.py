"""Malware is looked for by ClamAV's daemon, where an operator names one."""

from collections.abc import Iterator

import gevent
import pytest
from gevent.server import StreamServer

from chatapp import errors
from chatapp.cli.checks import installation
from chatapp.cli.checks.examination import Patient, Problem
from chatapp.media_inspection import decoders
from chatapp.server import banner
from config import TestConfig

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Scanner:
    """Answers as clamd does, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer = b""
        self.seen = b""
        self.server = StreamServer(("127.0.0.1", 0), self._serve)

    def _serve(self, connection, _address) -> None:
        file = connection.makefile("rb")
        if (command := file.read(6)) == b"zPING\0":
            connection.sendall(b"PONG\0")
            return
        assert command + file.read(4) == b"zINSTREAM\0"
        self.seen = b""
        while size := int.from_bytes(file.read(4), "big"):
            self.seen += file.read(size)
        found = b"stream: Eicar-Test-Signature FOUND\0" if EICAR in self.seen else b"stream: OK\0"
        connection.sendall(self.answer or found)


@pytest.fixture
def scanner(look, use_settings) -> Iterator[Scanner]:
    """Return a scanner that the settings name."""
    scanner = Scanner()
    scanner.server.start()
    use_settings(CLAMD_ADDRESS=f"127.0.0.1:{scanner.server.server_port}")
    yield scanner
    scanner.server.stop()
    gevent.sleep(0)


@pytest.mark.parametrize("as_document", [False, True])
def test_malware_is_refused(look, scanner, as_document):
    found = look(b"x" * 200_000 + EICAR, as_document=as_document)
    assert (found.state, found.reason) == ("refused", "malware was found in it (Eicar-Test-Signature)")


def test_what_is_clean_is_taken(look, scanner):
    assert look(b"x" * 200_000).state == "ready"
    assert scanner.seen == b"x" * 200_000


@pytest.mark.parametrize("answer", [b"INSTREAM size limit exceeded. ERROR\0", b"\0"])
def test_a_scanner_that_did_not_look_lets_nothing_through(look, scanner, answer):
    scanner.answer = answer
    with pytest.raises(errors.Unavailable, match="scanned"):
        look(b"text")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "unix:/nowhere/clamd.sock"])
def test_a_scanner_that_is_not_there_lets_nothing_through(look, use_settings, address):
    use_settings(CLAMD_ADDRESS=address)
    with pytest.raises(errors.Unavailable, match="scanned"):
        look(b"text")


def test_doctor_says_if_the_scanner_is_there(scanner, use_settings):
    patient = Patient(url="", own=True, email=None, password=None, token=None, origin=None, timeout=1)
    assert "clamd looks for malware" in installation.media(patient)
    use_settings(CLAMD_ADDRESS="127.0.0.1:1")
    with pytest.raises(Problem, match="CLAMD_ADDRESS"):
        installation.media(patient)


def test_a_decoder_that_is_not_there_is_said_to_be_off(use_settings, monkeypatch):
    use_settings()
    monkeypatch.setattr(decoders, "find_spec", lambda name: None if name == "pillow_heif" else name)
    monkeypatch.setattr(banner.database, "store_name", lambda: "")
    assert "Off:      HEIC (pillow-heif)" in banner.text(TestConfig(), None)
    with pytest.raises(Problem, match="HEIC"):
        installation.media(Patient(url="", own=True, email=None, password=None, token=None, origin=None, timeout=1))

"""The Redis of REDIS_URL, as an operator is told of it."""

import subprocess

import gevent.server
import pytest

from chatapp.bus import redis_server
from chatapp.lab.server import free_port
from tests.redis_server import NEEDS_REDIS, running_redis


@NEEDS_REDIS
def test_a_redis_that_can_be_used_says_its_version_and_what_it_evicts(tmp_path):
    with running_redis(tmp_path) as redis:
        found = redis_server.examine(redis.url)
    assert found.version[0].isdigit()
    assert found.eviction == "noeviction"
    assert 0 < found.round_trip < 3


@NEEDS_REDIS
def test_a_wrong_password_is_named_and_not_shown(tmp_path):
    with running_redis(tmp_path) as redis:
        subprocess.run(
            ["redis-cli", "-p", str(redis.port), "config", "set", "requirepass", "right"],
            check=True,
            capture_output=True,
        )
        with pytest.raises(redis_server.Unusable, match="refuses the user or the password") as raised:
            redis_server.examine(redis.url.replace("redis://", "redis://:a-wrong-one@"))
        assert "a-wrong-one" not in str(raised.value)
        with pytest.raises(redis_server.Unusable, match=r"REDIS_URL: 127\.0\.0\.1"):
            redis_server.examine(redis.url)


@NEEDS_REDIS
def test_a_user_who_may_not_publish_is_a_sentence(tmp_path):
    with running_redis(tmp_path) as redis:
        subprocess.run(
            ["redis-cli", "-p", str(redis.port), "acl", "setuser", "default", "resetchannels"],
            check=True,
            capture_output=True,
        )
        with pytest.raises(redis_server.Unusable, match="channel"):
            redis_server.examine(redis.url)


def test_nobody_there_is_a_sentence():
    with pytest.raises(redis_server.Unusable, match=r"^REDIS_URL: 127\.0\.0\.1:\d+ can't be used \(.*\); start Redis"):
        redis_server.examine(f"redis://127.0.0.1:{free_port()}")


def test_somebody_who_does_not_answer_is_a_sentence(monkeypatch):
    monkeypatch.setattr(redis_server, "_SECONDS", 0.2)
    silent = gevent.server.StreamServer(("127.0.0.1", 0), lambda *_: gevent.sleep(5))
    silent.start()
    with pytest.raises(redis_server.Unusable, match="does not answer"):
        redis_server.examine(f"redis://127.0.0.1:{silent.server_port}")
    silent.stop()


def test_another_program_is_a_sentence():
    other = gevent.server.StreamServer(
        ("127.0.0.1", 0), lambda sock, _: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    )
    other.start()
    with pytest.raises(redis_server.Unusable, match="can't be used"):
        redis_server.examine(f"redis://127.0.0.1:{other.server_port}")
    other.stop()

"""Hostile clients against a real server, each for a moment: closed in the right way, and cheap. Times are measured by
`make hostile`."""

from collections.abc import Iterator

import gevent
import pytest

from tests.engine import attacks, raw
from tests.server import Server, running

SHORT = {"CONNECT_TIMEOUT": "0.5", "SLOW_CLIENT_SECONDS": "0.5", "RATE_USER": "1000000 per minute"}
FEW = 3
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    with running(folder, f"litemongo://{folder}/store", **SHORT) as started:
        yield started


@pytest.fixture(scope="module")
def scene(server: Server) -> attacks.Scene:
    people = [server.register(f"attacker{number}") for number in range(FEW)]
    body = {"type": "group", "name": "Busy", "participants": [row["data"]["id"] for row in people[1:]]}
    group = server.call("POST", "/api/user/conversations", people[0], body)["data"]["id"]
    for number in range(100):
        text = "x" * 9_000 + str(number)
        server.call("POST", f"/api/conversations/{group}/messages", people[0], {"content": text})
    return attacks.Scene(("127.0.0.1", server.port), "127.0.0.2", people, group)


def resident(server: Server) -> int:
    """Return the memory of the worker, in bytes."""
    assert server.process is not None
    children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
    with open(children) as file:
        worker = file.read().split()[0]
    with open(f"/proc/{worker}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


# The deaf need a conversation that is kept busy for seconds: test_backpressure.py has what becomes of them.
SHORT_ATTACKS = [attack for attack in attacks.ATTACKS if attack.run is not attacks.deaf]


@pytest.mark.parametrize("attack", SHORT_ATTACKS, ids=lambda attack: attack.run.__name__)
def test_an_attack_ends_as_it_should_and_costs_little(server, scene, attack):
    before, attackers = resident(server), min(FEW, attack.attackers)
    tasks = [gevent.spawn(attack.run, scene, number) for number in range(attackers)]
    gevent.joinall(tasks, raise_error=True)
    assert {task.value for task in tasks} <= attack.right
    assert resident(server) - before <= attackers * MEBIBYTE + 8 * MEBIBYTE  # the allocator's own steps
    assert server.is_healthy()
    raw.close_all()

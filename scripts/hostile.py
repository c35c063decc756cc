"""`make hostile`: hostile clients one kind after the other, while 200 good clients chat.

A real server on the embedded store, pinned to one core; good clients and attackers (`hostile_clients.py`) in processes
of their own on the other. For each attack: how it ended, the good clients' p99 from a send to its deliveries beside the
quiet seconds before it, and the server's memory. All of it on loopback, each attack for a few seconds.
"""

from gevent import monkey

monkey.patch_all()

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import gevent

from tests.engine import attacks
from tests.server import Server, running

GOOD, GROUP = 200, 10
ATTACKING_USERS = 14
QUIET_SECONDS = 6
MEASURED = ("quiet p99", "attack p99", "ratio", "KiB per attacker", "server CPU")
CLIENTS = ROOT / "scripts" / "hostile_clients.py"
SETTINGS = {
    "CONNECT_TIMEOUT": "3",  # 10 by default: the waits of this script are shorter
    "SLOW_CLIENT_SECONDS": "3",  # 30
    "RATE_ANONYMOUS": "10000 per minute",  # 200 registrations come from one address
    "RATE_REGISTRATIONS_ADDRESS": "10000 per minute",
    "RATE_SENDS": "10000 per minute",  # for the busy conversation of the deaf
    "LOG_LEVEL": "WARNING",
}


def main() -> int:
    """Start everything, run the attacks, print the table; 1 when an attack did not end as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", help="names of attacks")
    parser.add_argument("--engine", choices=["chatapp", "stock"], default="chatapp")
    parser.add_argument("--nice", type=int, default=0, help="priority of the server and the good clients")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured; the table has the medians")
    parser.add_argument("--store", help="URI of a MongoDB database that may be filled; default: an embedded store")
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {**SETTINGS, "ENGINE": arguments.engine}
        store = arguments.store or f"litemongo://{folder}/store"
        with running(Path(folder), store, fresh=True, **settings) as server:
            pin(server)
            os.setpriority(os.PRIO_PROCESS, worker_of(server), arguments.nice)
            good, others = prepare(server, arguments.nice)
            try:
                rows = [
                    measure(server, good, number, arguments.rounds, others)
                    for number, row in enumerate(attacks.ATTACKS)
                    if chosen(row, arguments.only)
                ]
            finally:
                good.terminate()
                good.wait()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1))
    return 0 if all(row["ended well"] for row in rows) else 1


def chosen(row: attacks.Attack, only: list[str] | None) -> bool:
    return only is None or row.run.__name__ in only


def worker_of(server: Server) -> int:
    """Return the process that serves."""
    assert server.process is not None
    pid = server.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def pin(server: Server) -> None:
    """Give the server the first core, and everybody else the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(worker_of(server), {cores[0]})
        os.sched_setaffinity(0, set(cores[1:]))


def resident(server: Server) -> int:
    """Return the server's memory, in KiB."""
    text = Path(f"/proc/{worker_of(server)}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))


def cpu(server: Server) -> float:
    """Return the server's CPU seconds so far."""
    fields = Path(f"/proc/{worker_of(server)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prepare(server: Server, niceness: int) -> tuple["subprocess.Popen[str]", list[str]]:
    """Register the good clients, make their groups, let them chat. Gives their process and their ids."""
    people = [server.register(f"good{number}") for number in range(GOOD)]
    groups = [people[start : start + GROUP] for start in range(0, GOOD, GROUP)]
    conversations = [make_group(server, members) for members in groups]
    tokens = [[row["token"] for row in members] for members in groups]
    given = {"port": server.port, "tokens": tokens, "conversations": conversations}
    good = spawn("good", given, niceness)
    assert good.stdout is not None and good.stdout.readline() == "chatting\n"
    return good, [row["data"]["id"] for row in people]


def prepare_attackers(server: Server, row: attacks.Attack, source: str, others: list[str]) -> dict[str, Any]:
    """Make users for each attack, so that it does not spend another's limits; and their conversation."""
    name = row.run.__name__
    hostile = [server.register(f"{name}.{source}.{number}") for number in range(ATTACKING_USERS)]
    busy = make_group(server, hostile)
    if row.run is attacks.slow_poll:
        for number in range(60):
            text = f"{number}" + "x" * 9_000
            server.call("POST", f"/api/conversations/{busy}/messages", hostile[0], {"content": text})
    if row.run in (attacks.profile_changes, attacks.group_lists):  # each founds as large a group as the limits let
        members = [person["data"]["id"] for person in hostile] + others
        for person in hostile:
            body = {"type": "group", "name": "Large", "participants": members}
            busy = str(server.call("POST", "/api/user/conversations", person, body)["data"]["id"])
    people = [{"token": row["token"], "data": {"id": row["data"]["id"]}} for row in hostile]
    given = {"address": ["127.0.0.1", server.port], "source": source, "people": people, "others": others}
    return given | {"conversation": busy, "name": name}


def make_group(server: Server, members: list[dict[str, Any]]) -> str:
    """Make a group and return its id."""
    body = {"type": "group", "name": "Team", "participants": [row["data"]["id"] for row in members[1:]]}
    return str(server.call("POST", "/api/user/conversations", members[0], body)["data"]["id"])


def spawn(kind: str, given: dict[str, Any], niceness: int | None) -> "subprocess.Popen[str]":
    """Start clients in a process of their own."""
    return subprocess.Popen(
        [sys.executable, str(CLIENTS), kind, json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: prioritise(niceness),
    )


def prioritise(niceness: int | None) -> None:
    """Give the attackers (None) what the good clients leave of their core: who waits for a core notices no server."""
    if niceness is None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(niceness)


def latencies(good: "subprocess.Popen[str]") -> list[float]:
    """Return the p99 of each second since the last call, in ms. Their median says more than the p99 of all: it
    leaves out the seconds in which something else on the machine was busy."""
    assert good.stdin is not None and good.stdout is not None
    good.stdin.write("tell\n")
    good.stdin.flush()
    return list(json.loads(good.stdout.readline()))


def latencies_of(good: "subprocess.Popen[str]", seconds: float) -> list[float]:
    """Return the p99 of each of the next seconds, in milliseconds."""
    gevent.sleep(1)  # what was before is over
    latencies(good)
    gevent.sleep(seconds)
    return latencies(good)


def measure(
    server: Server, good: "subprocess.Popen[str]", number: int, rounds: int, others: list[str]
) -> dict[str, Any]:
    """Run one kind of attack, so many times; print its line of the table and return it.

    Each time is compared with the quiet seconds around it: the machine is another one a minute later.
    """
    row = attacks.ATTACKS[number]
    lines = [run(server, good, row, f"127.0.{time_}.{10 + number}", others) for time_ in range(rounds)]
    outcomes = sum((line["outcomes"] for line in lines), Counter[str]())
    line = {
        "attack": row.run.__name__,
        "attackers": row.attackers,
        "outcomes": dict(outcomes),
        "ended well": bool(outcomes) and set(outcomes) <= row.right | {"refused"},
        **{name: statistics.median(line[name] for line in lines) for name in MEASURED},
        "ratios": sorted(line["ratio"] for line in lines),
    }
    print_row(line)
    return line


def run(
    server: Server, good: "subprocess.Popen[str]", row: attacks.Attack, source: str, others: list[str]
) -> dict[str, Any]:
    """Run one attack from an address of its own, between quiet seconds."""
    scene = prepare_attackers(server, row, source, others)
    quiet = latencies_of(good, QUIET_SECONDS)
    before, cpu_before, started = resident(server), cpu(server), time.monotonic()
    attackers = spawn("attack", scene, None)
    peak = before
    while attackers.poll() is None:
        peak = max(peak, resident(server))
        gevent.sleep(0.05)
    assert attackers.stdout is not None
    seconds = time.monotonic() - started
    told, cpu_used = latencies(good), (cpu(server) - cpu_before) / seconds
    outcomes = Counter(json.loads(attackers.stdout.read() or "{}"))
    quiet += latencies_of(good, QUIET_SECONDS)
    return {
        "outcomes": outcomes,
        "quiet p99": statistics.median(quiet),
        "attack p99": statistics.median(told),
        "ratio": round(statistics.median(told) / statistics.median(quiet), 2),
        "KiB per attacker": round((peak - before) / row.attackers),
        "server CPU": round(cpu_used, 2),
    }


def print_row(line: dict[str, Any]) -> None:
    """Print one line of the table."""
    outcomes = ", ".join(f"{name} x{count}" for name, count in sorted(line["outcomes"].items()))
    verdict = "" if line["ended well"] else "  WRONG END"
    print(
        f"{line['attack']:16} x{line['attackers']:<5} p99 {line['quiet p99']:6.1f} -> {line['attack p99']:6.1f} ms"
        f" ({line['ratio']:4.2f}, {line['ratios'][0]:4.2f}–{line['ratios'][-1]:4.2f})"
        f"  {line['KiB per attacker']:6.0f} KiB each  CPU {line['server CPU']:4.2f}"
        f"  {outcomes}{verdict}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())

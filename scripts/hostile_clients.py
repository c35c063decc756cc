"""The clients of `make hostile`, in processes of their own: those who chat, and those who attack.

python scripts/hostile_clients.py good|attack GIVEN   GIVEN is JSON that scripts/hostile.py makes
"""

from gevent import monkey

monkey.patch_all()

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gevent

from tests.engine import attacks, raw

SENDS_A_SECOND = 40
ATTACK_SECONDS = 10
PAUSE_SECONDS = 1  # before an attacker connects anew, as socket.io clients do


def chat(given: dict[str, Any]) -> int:
    """Chat, and tell the latencies when asked."""
    samples: list[tuple[float, float]] = []
    address = ("127.0.0.1", given["port"])
    groups = []
    for tokens, conversation in zip(given["tokens"], given["conversations"], strict=True):
        sockets = [join(address, token) for token in tokens]
        groups.append((sockets, conversation))
        for websocket in sockets:
            gevent.spawn(listen, websocket, samples)
    gevent.spawn(talk, groups)
    print("chatting", flush=True)
    while gevent.get_hub().threadpool.apply(sys.stdin.readline):
        taken, samples[:] = list(samples), []
        print(json.dumps(p99_of_seconds(taken)), flush=True)
    return 0


def p99_of_seconds(samples: list[tuple[float, float]]) -> list[float]:
    """Return the p99 in milliseconds of each whole second in which a delivery was due."""
    seconds: dict[int, list[float]] = {}
    for moment, latency in samples:
        seconds.setdefault(int(moment), []).append(latency)
    whole = sorted(seconds)[1:-1] or sorted(seconds)
    return [round(sorted(seconds[row])[int(len(seconds[row]) * 0.99)] * 1000, 2) for row in whole]


def join(address: tuple[str, int], token: str) -> raw.WebSocket:
    """Return a connected socket."""
    websocket = raw.WebSocket(address, attacks.SOCKET)
    websocket.text("40" + json.dumps({"token": token}))
    while not str(websocket.message()).startswith('42["onlineUsers"'):
        pass
    websocket.sock.settimeout(None)
    return websocket


def listen(websocket: raw.WebSocket, samples: list[tuple[float, float]]) -> None:
    """Note how long each message took."""
    while True:
        text = str(websocket.message())
        if text.startswith('42["newMessage"'):
            now, sent = time.monotonic(), float(json.loads(text[2:])[1]["data"]["content"])
            samples.append((now, now - sent))


def talk(groups: list[tuple[list[raw.WebSocket], str]]) -> None:
    """Send one message after the other, in turn."""
    number, started = 0, time.monotonic()
    while True:
        sockets, conversation = groups[number % len(groups)]
        fields = {"conversationId": conversation, "content": repr(time.monotonic())}
        sockets[number // len(groups) % len(sockets)].text("42" + json.dumps(["newMessage", fields]))
        number += 1
        gevent.sleep(max(0.0, started + number / SENDS_A_SECOND - time.monotonic()))


def attack(given: dict[str, Any]) -> int:
    """Run all attackers at once, again and again for a while; print how often each outcome came."""
    row = next(row for row in attacks.ATTACKS if row.run.__name__ == given["name"])
    names = ("source", "people", "conversation", "others")
    scene = attacks.Scene(tuple(given["address"]), **{name: given[name] for name in names})
    end = time.monotonic() + ATTACK_SECONDS
    outcomes: Counter[str] = Counter()

    def one(number: int) -> None:
        while True:
            try:
                outcomes[row.run(scene, number)] += 1
            except attacks.Refused:
                outcomes["refused"] += 1
            if time.monotonic() > end or row.attackers > 50:
                return
            gevent.sleep(PAUSE_SECONDS)

    gevent.joinall([gevent.spawn(one, number) for number in range(row.attackers)], timeout=60)
    print(json.dumps(outcomes))
    return 0


if __name__ == "__main__":
    kind, given = sys.argv[1], json.loads(sys.argv[2])
    sys.exit(chat(given) if kind == "good" else attack(given))

"""Two people chat through a running server, over real HTTP and real sockets. Usage: smoke.py URL

Not a pytest module: `.ci/run` runs it against `make run` in a fresh clone.
"""

import queue
import sys
from typing import Any

import requests
import socketio

PATIENCE_SECONDS = 15


def main(url: str) -> None:
    """Send one message each way over each transport. Raises AssertionError where something is missing."""
    checks = 0
    health = requests.get(f"{url}/api/health", timeout=PATIENCE_SECONDS).json()
    assert health["success"] and health["status"] == "ok", health
    tini, suvankar = log_in(url, "tini@test.com"), log_in(url, "suvankar@test.com")
    contacts = get(url, "/api/user/contacts", tini)["data"]
    assert len(contacts) >= 3, contacts
    conversation = post(
        url,
        "/api/user/conversations",
        tini,
        {"type": "direct", "participants": [suvankar["data"]["id"]]},
    )["data"]["id"]
    for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
        checks += chat(url, tini, suvankar, conversation, transports)
    print(f"{checks} passed, 0 failed")


def chat(url: str, sender: dict[str, Any], receiver: dict[str, Any], conversation: str, transports: list[str]) -> int:
    """Send a message and check that it is acked, live at the receiver, and in the history."""
    seen: queue.Queue[dict[str, Any]] = queue.Queue()
    there, here = connect(url, receiver, transports), connect(url, sender, transports)
    there.on("newMessage", seen.put)
    text = f"smoke over {'+'.join(transports)}"
    ack = here.call("newMessage", {"conversationId": conversation, "content": text}, timeout=PATIENCE_SECONDS)
    assert ack["success"], ack
    live = seen.get(timeout=PATIENCE_SECONDS)
    assert live["data"] == ack["data"], (live, ack)
    newest = get(url, f"/api/conversations/{conversation}/messages?limit=1", receiver)["data"][0]
    assert newest["id"] == ack["data"]["id"], newest
    here.disconnect()
    there.disconnect()
    return 3


def connect(url: str, person: dict[str, Any], transports: list[str]) -> socketio.Client:
    """Return a connected socket."""
    client = socketio.Client(reconnection=False)
    client.connect(url, auth={"token": person["token"]}, transports=transports, wait_timeout=PATIENCE_SECONDS)
    return client


def log_in(url: str, email: str) -> dict[str, Any]:
    """Return the log-in's answer."""
    body = {"email": email, "password": "password123"}
    answer = requests.post(f"{url}/api/auth/login", json=body, timeout=PATIENCE_SECONDS).json()
    assert answer["success"], answer
    return dict(answer)


def get(url: str, path: str, person: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of a GET."""
    headers = {"Authorization": f"Bearer {person['token']}"}
    return dict(requests.get(url + path, headers=headers, timeout=PATIENCE_SECONDS).json())


def post(url: str, path: str, person: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of a POST."""
    headers = {"Authorization": f"Bearer {person['token']}"}
    return dict(requests.post(url + path, json=body, headers=headers, timeout=PATIENCE_SECONDS).json())


if __name__ == "__main__":
    main(sys.argv[1])

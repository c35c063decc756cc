"""A device with a socket on a server of several processes, and what it was told."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import socketio

PATIENCE_SECONDS = 20


class Device:
    """Notes the events of these names, in the order in which they come."""

    def __init__(self, url: str, token: str, events: Iterable[str], transports: list[str], **options: Any) -> None:
        self.told: dict[str, list[Any]] = defaultdict(list)
        self.client = socketio.Client(**options)
        for event in events:
            self.client.on(event, self.told[event].append)
        self.listen()
        self.client.connect(url, auth={"token": token}, transports=transports, wait_timeout=PATIENCE_SECONDS)

    def listen(self) -> None:
        """Register what else is to be heard, before the socket connects."""

    def send(self, conversation: str, text: str) -> int:
        """Send a message and return its seq."""
        fields = {"conversationId": conversation, "content": text}
        answer = self.client.call("newMessage", fields, timeout=PATIENCE_SECONDS)
        assert answer["success"], answer
        return int(answer["data"]["seq"])

    @property
    def seqs(self) -> list[int]:
        """Return the seqs of the messages that came, in that order."""
        return [message["data"]["seq"] for message in self.told["newMessage"]]

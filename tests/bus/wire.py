"""A carrier in memory, whose faults a test chooses."""

from collections.abc import Callable


class Wire:
    """A carrier in memory. `fate` says what becomes of each piece: how many times it arrives."""

    name = "wire"
    dropped = 0

    def __init__(self, everybody: dict[str, "Wire"], me: str) -> None:
        self.everybody, self.me = everybody, me
        self.fate: Callable[[bytes], int] = lambda _: 1
        self.received: Callable[[bytes], None] = lambda _: None
        self.late: list[tuple[str, bytes]] = []

    def start(self, received):
        self.received = received
        self.everybody[self.me] = self

    def send(self, data, to=None):
        for name, other in list(self.everybody.items()):
            if name != self.me and to in (None, name):
                for _ in range(self.fate(data)):
                    other.received(data)

    def stop(self):
        self.everybody.pop(self.me, None)

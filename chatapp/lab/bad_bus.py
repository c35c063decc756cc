"""A bus that loses, doubles and swaps what it carries, in the processes of the lab's server alone."""

import random
from collections.abc import Callable

from chatapp.bus.exchange import Exchange

ALL, WHOLE = 1.0, 0.0  # the shares with which everything is lost, and nothing


class BadBus:
    """The fate of each envelope that comes: with a chance of `share` each it is lost, comes twice, or after the next
    one."""

    def __init__(self) -> None:
        self.share = 0.0
        self._chance = random.Random()  # noqa: S311 - no secret
        self._overtaken: bytes | None = None

    def install(self) -> None:
        """Come between the carriers and the exchange of this process."""
        receive, bus = Exchange.received, self

        def received(self: Exchange, data: bytes) -> None:
            bus.carry(data, lambda piece: receive(self, piece))

        Exchange.received = received  # type: ignore[method-assign]

    def carry(self, data: bytes, receive: Callable[[bytes], object]) -> None:
        """Hand over what has come, and what it has overtaken; or nothing."""
        fate = self._chance.random() / self.share if self.share else 3
        overtaken, self._overtaken = self._overtaken, data if 2 <= fate < 3 else None
        if fate >= 1 and self._overtaken is None:
            receive(data)
        if 1 <= fate < 2:
            receive(data)
        if overtaken is not None:
            receive(overtaken)

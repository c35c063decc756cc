"""The acts that the application wants done when messages come, and when peers come, go, or have lost something."""

from collections.abc import Callable

from chatapp.database import Document

Handler = Callable[[str, Document], object]


class Handlers:
    """The functions that an exchange calls; all are set up before the exchange starts."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._on_gap: list[Callable[[str], object]] = []
        self._on_stamp: list[Callable[[str, bool], object]] = []
        self._on_join: list[Callable[[str], object]] = []
        self._on_leave: list[Callable[[str], object]] = []

    def handle(self, kind: str, handler: Handler) -> None:
        """Call `handler(sender, data)` for each message of this kind. It must not wait."""
        self._handlers[kind] = handler

    def on_gap(self, act: Callable[[str], object]) -> None:
        """Call `act(sender)` when messages of a peer are lost for good."""
        self._on_gap.append(act)

    def on_join(self, act: Callable[[str], object]) -> None:
        """Call `act(peer)` when a peer is heard for the first time."""
        self._on_join.append(act)

    def on_leave(self, act: Callable[[str], object]) -> None:
        """Call `act(peer)` when a peer has said goodbye or was silent for too long."""
        self._on_leave.append(act)

    def on_stamp(self, act: Callable[[str, bool], object]) -> None:
        """Call `act(peer, with messages)` when a peer's stamp has come, with a batch or alone."""
        self._on_stamp.append(act)

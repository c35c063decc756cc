"""The upgrade from long-polling to a WebSocket: a probe beside the session, which takes over or leaves no trace."""

from typing import Protocol

from chatapp.engine import frames, packets, timer_wheel
from chatapp.engine.frames import Message
from chatapp.engine.packets import Outgoing
from chatapp.engine.websocket import WebSocket

_PROBED = Outgoing(packets.PONG, "probe")


class Upgradable(Protocol):
    """The session that a probe belongs to."""

    def probed(self) -> None:
        """Handle the answered probe."""

    def probe_failed(self) -> None:
        """Handle that there will be no upgrade."""

    def open_websocket(self, websocket: WebSocket) -> None:
        """Move the session to this WebSocket."""


class Probe:
    """A WebSocket beside a polling session, on its way to take over."""

    __slots__ = ("_alarm", "_session", "_websocket", "answered")

    def __init__(self, session: Upgradable, websocket: WebSocket, seconds: float) -> None:
        self.answered = False
        self._session = session
        self._websocket = websocket
        self._alarm = timer_wheel.Alarm(seconds, self._give_up)

    def received(self, message: Message) -> None:
        """Take the two packets of an upgrade; anything else ends it."""
        if message == packets.PING + "probe" and not self.answered:
            self.answered = True
            self._websocket.send(_PROBED.frame)
            self._session.probed()
        elif message == packets.UPGRADE and self.answered:
            self._alarm.stop()
            self._session.open_websocket(self._websocket)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self.stop()
        self._session.probe_failed()

    def stop(self) -> None:
        """Hang up."""
        self._alarm.stop()
        self._websocket.close(frames.POLICY, "no upgrade")

    def lost(self, code: int) -> None:
        """Leave the session on polling, its WebSocket being gone."""
        self._alarm.stop()
        self._session.probe_failed()

    def caught_up(self) -> None:
        """Do nothing: nothing is sent before the upgrade."""

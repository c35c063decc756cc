"""Hear the other processes that serve this chat: each kind of message, and what it does here."""

from chatapp.bus.exchange import Exchange
from chatapp.realtime import announcing, closing, emitting, long_polls, online, others, resync


def hear_others(exchange: Exchange) -> None:
    """Do here what other processes tell."""
    here = others.current()
    here.exchange = exchange
    exchange.handle("entry", announcing.heard)
    exchange.handle("push", emitting.heard)
    exchange.handle("push to all", emitting.heard_for_all)
    exchange.handle("wake", lambda _, data: long_polls.here.wake(others.user_ids(data["users"])))
    exchange.handle("all online", lambda sender, data: here.note_all(sender, data["users"], data.get("sockets")))
    exchange.handle("who is online", lambda *_: online.tell_users())
    exchange.handle("session ended", closing.heard_session_ended)
    closing.replacement.hear_others(exchange)
    exchange.on_join(_joined)
    exchange.on_gap(lambda _: resync.resync_all())


def _joined(_: str) -> None:
    online.tell_users()
    others.current().tell("who is online", {})

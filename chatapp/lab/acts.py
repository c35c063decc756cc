"""Acts of a device on messages, over REST or its socket, each repeated until there is an answer."""

import random
import uuid
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, urlencode

import gevent

from chatapp.lab import private
from chatapp.lab.links import Answer, Http, NoAnswer, Refused, Socket
from chatapp.lab.records import Act, Pin, PrivateAct, React, Records, Send

ACK_SECONDS = 4.0
_MOST_ATTEMPTS = 20
_Act = TypeVar("_Act", Act, React, Pin, PrivateAct)


class Acts:
    """The acts of one device. `http()` makes a way to the server, `socket()` is the device's, if it has one;
    `mentionable(conversation)` is somebody whom a new text is to mention, None for nobody."""

    def __init__(
        self,
        user_id: str,
        records: Records,
        chance: random.Random,
        http: Callable[[], Http],
        socket: Callable[[], Socket | None],
        mentionable: Callable[[str], str | None],
    ) -> None:
        self._user_id, self._records, self._chance = user_id, records, chance
        self._http, self._socket, self._mentionable = http, socket, mentionable

    def change(self, row: Send, *, deletes: bool) -> None:
        """Edit or delete a message that this user has sent, over REST or the socket, until there is an answer."""
        text = None if deletes else f"edited {len(self._records.acts)} {text_of(row)}"
        mention = None if deletes else self._mentionable(row.conversation)
        act = Act(self._user_id, row.conversation, str(row.message_id), text, mention)
        self._records.acts.append(act)
        self._until_answered(act, self._act_once)

    def react(self, row: Send, emoji: str, *, on: bool) -> None:
        """React to a message, or take it back, over REST or the socket, until there is an answer."""
        react = React(self._user_id, row.conversation, str(row.message_id), emoji, on)
        self._records.reacts.append(react)
        self._until_answered(react, self._react_once)

    def pin(self, row: Send, *, on: bool) -> None:
        """Pin a message, or unpin it, over REST or the socket, until there is an answer."""
        pin = Pin(row.conversation, str(row.message_id), on)
        self._records.pins.append(pin)
        self._until_answered(pin, self._pin_once)

    def change_private(self, row: Send) -> None:
        """Change something for the user alone: settings, a star, a message deleted for them."""
        act = private.choose(self._user_id, row, self._chance)
        self._records.private_acts.append(act)
        self._until_answered(act, self._change_private_once)

    def keep_draft(self, row: Send) -> None:
        """Keep the draft of an own message: before it is sent, meanwhile or later, as calls overtake each other."""
        act = private.draft(row, self._chance)
        self._records.private_acts.append(act)
        self._until_answered(act, self._change_private_once)

    def _change_private_once(self, act: PrivateAct, _: str) -> Answer:
        http = self._http()
        try:
            return http.call(act.method, act.path, act.body, ACK_SECONDS)
        finally:
            http.close()

    def _until_answered(self, act: _Act, do: Callable[[_Act, str], Answer]) -> None:
        client_msg_id = str(uuid.uuid4())
        for _ in range(_MOST_ATTEMPTS):
            try:
                do(act, client_msg_id)
            except Refused as refusal:
                if not refusal.may_repeat:
                    act.outcome = "failed"
                    return
            except NoAnswer:
                pass
            else:
                act.outcome = "ok"
                return
            gevent.sleep(self._chance.uniform(0.2, 1.0))

    def _react_once(self, react: React, client_msg_id: str) -> Answer:
        fields = {"conversationId": react.conversation, "clientMsgId": client_msg_id}
        link = self._socket()
        if link is not None and link.is_open and self._chance.random() < 0.5:
            payload = {"messageId": react.message_id, "emoji": react.emoji, "on": react.on, **fields}
            return link.call("reaction:add", payload, ACK_SECONDS)
        return self._set(f"/api/messages/{react.message_id}/reactions/{quote(react.emoji)}", react.on, fields)

    def _pin_once(self, pin: Pin, client_msg_id: str) -> Answer:
        fields = {"conversationId": pin.conversation, "clientMsgId": client_msg_id}
        link = self._socket()
        if link is not None and link.is_open and self._chance.random() < 0.5:
            event = "message:pin" if pin.on else "message:unpin"
            return link.call(event, {"messageId": pin.message_id, **fields}, ACK_SECONDS)
        return self._set(f"/api/messages/{pin.message_id}/pin", pin.on, fields)

    def _set(self, path: str, on: bool, fields: dict[str, str]) -> Answer:
        http = self._http()
        try:
            if on:
                return http.call("PUT", path, fields, ACK_SECONDS)
            return http.call("DELETE", f"{path}?{urlencode(fields)}", None, ACK_SECONDS)
        finally:
            http.close()

    def _act_once(self, act: Act, client_msg_id: str) -> Answer:
        fields = {"conversationId": act.conversation, "clientMsgId": client_msg_id}
        link = self._socket()
        if link is not None and link.is_open and self._chance.random() < 0.5:
            named = {"messageId": act.message_id, **fields}
            if act.text is None:
                return link.call("message:delete", named, ACK_SECONDS)
            return link.call("message:edit", {"newContent": act.text, **named, **mentions(act.mention)}, ACK_SECONDS)
        path, http = f"/api/messages/{act.message_id}", self._http()
        try:
            if act.text is None:
                return http.call("DELETE", f"{path}?{urlencode(fields)}", None, ACK_SECONDS)
            return http.call("PATCH", path, {"content": act.text, **fields, **mentions(act.mention)}, ACK_SECONDS)
        finally:
            http.close()


def mentions(user_id: str | None) -> dict[str, object]:
    """Return what a text that begins with a mention is sent with."""
    return {"mentions": [{"userId": user_id, "offset": 0, "length": 1}]} if user_id is not None else {}


def text_of(row: Send) -> str:
    """Return the text of a message, by which the checker knows it."""
    return f"{row.number} {row.client_msg_id}"

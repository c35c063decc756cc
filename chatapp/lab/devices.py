"""Reference clients: one device of a user, with its outbox and its replica, by the rules of docs/protocol.md."""

import random
import time
import uuid
from collections import deque
from typing import Any

import gevent
from gevent.event import Event

from chatapp.lab.acts import ACK_SECONDS, Acts, mentions, text_of
from chatapp.lab.links import Address, Answer, Http, NoAnswer, Refused, RoamingHttp, Socket, entry_of
from chatapp.lab.records import Connected, Records, Send
from chatapp.lab.replica import Contradiction, Log, Replica
from chatapp.lab.state import Entry, KeptEntry

KINDS = ("websocket", "polling", "rest", "switching")
_HELD_SECONDS = 1.0
_BREATH_SECONDS = 0.1  # between two long-polls: in a busy time one answer brings several entries
_MOST_SYNCS = 1_000
_MENTIONS = 0.1  # share of texts that mention somebody
_REPLIES, _QUOTABLE = 0.1, 20  # share of replies, and among how many of the newest messages one is chosen


class Device:
    """One device. `kind`: how it is connected; a switching one changes between socket and long-poll at every loss.

    Where it `roams`, each of its requests comes over a new connection, to any of the addresses.
    """

    def __init__(
        self,
        user_id: str,
        token: str,
        addresses: list[Address],
        kind: str,
        records: Records,
        chance: random.Random,
        *,
        roams: bool = False,
    ) -> None:
        self.user_id, self.kind = user_id, kind
        self._addresses, self._token, self._roams = addresses, token, roams
        self._records, self._chance = records, chance
        self.replica = Replica(_slim, user_id)
        self._rest, self._poll, self._sends = (self._http() for _ in range(3))
        self._socket: Socket | None = None
        self._connected = Connected(user_id)
        self._live: dict[str, int] = {}  # seq of the last live entry on this connection, by conversation
        self._outbox: dict[str, deque[Send]] = {}
        self._wakes: dict[str, Event] = {}
        self._needs_sync = Event()
        self._numbers: dict[str, int] = {}
        self._client = str(uuid.uuid4())
        self._greenlets: list[gevent.Greenlet] = []
        self._stopping = False
        self.gives_up = 0.0  # share of timed-out sends that are abandoned
        self.acts = Acts(user_id, records, chance, self._http, lambda: self._socket, self._mentionable)

    def _http(self) -> Http:
        return RoamingHttp(self._choose, self._token) if self._roams else Http(*self._addresses[0], self._token)

    def _choose(self) -> Address:
        return self._chance.choice(self._addresses)

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._greenlets = [gevent.spawn(self._stay_connected), gevent.spawn(self._sync_when_needed)]

    def stop(self) -> None:
        """Disconnect for good."""
        self._stopping = True
        gevent.killall(self._greenlets)
        for link in (self._socket, self._rest, self._poll, self._sends):
            if link is not None:
                link.close()

    # Sending

    def send(self, conversation: str) -> None:
        """Put a message into the outbox: it is sent after those before it in the same conversation."""
        number = self._numbers[conversation] = self._numbers.get(conversation, 0) + 1
        client_msg_id = f"{self._client}-{number}"  # the same in each conversation: it belongs to this one
        row = Send(self.user_id, conversation, client_msg_id, number, time.time())
        row.reply_to, row.mention = self._quotable(conversation), self._mentionable(conversation)
        self._records.sends.append(row)
        if conversation not in self._outbox:
            self._outbox[conversation], self._wakes[conversation] = deque(), Event()
            self._greenlets.append(gevent.spawn(self._send_in_turn, conversation))
        self._outbox[conversation].append(row)
        self._wakes[conversation].set()

    def _quotable(self, conversation: str) -> str | None:
        """Return a message that the next one is to reply to, now and then."""
        log = self.replica.logs.get(conversation)
        if log is None or not log.shown or self._chance.random() > _REPLIES:
            return None
        return self._chance.choice(log.shown[-_QUOTABLE:])

    def _mentionable(self, conversation: str) -> str | None:
        """Return a member whom the next text is to mention, now and then."""
        log = self.replica.logs.get(conversation)
        if log is None or not log.state.people or self._chance.random() > _MENTIONS:
            return None
        return self._chance.choice(sorted(log.state.people))

    def pause(self) -> None:
        """Receive no more: what the device has is looked at now."""
        self.stop()

    def waiting_in(self, conversation: str) -> int:
        """Return how many messages to a conversation wait in the outbox."""
        return len(self._outbox.get(conversation, ()))

    @property
    def unsent(self) -> int:
        """The number of messages in the outbox."""
        return sum(map(len, self._outbox.values()))

    def _send_in_turn(self, conversation: str) -> None:
        waiting, wake = self._outbox[conversation], self._wakes[conversation]
        while True:
            wake.wait()
            while waiting:
                self._send_until_answered(waiting[0])
                waiting.popleft()
            wake.clear()

    def _send_until_answered(self, row: Send) -> None:
        pause = 0.2
        while True:
            row.attempts += 1
            try:
                answer = self._attempt(row)
                row.seq, row.message_id, row.outcome = answer["data"]["seq"], answer["data"]["id"], "ok"
                self._records.acknowledged += 1
            except Refused as refusal:
                if refusal.may_repeat:
                    gevent.sleep(max(pause * self._chance.uniform(0.5, 1), min(refusal.retry_after, 1.0)))
                    pause = min(2 * pause, 2.0)
                    continue
                row.outcome = "failed"
            except NoAnswer:
                if self._chance.random() >= self.gives_up:
                    gevent.sleep(pause * self._chance.uniform(0.5, 1))
                    pause = min(2 * pause, 2.0)
                    continue
            row.ended = time.time()
            return

    def _attempt(self, row: Send) -> Answer:
        """Send once, over what is there; sometimes twice at the same time, as a nervous client would."""
        if self._chance.random() < 0.01:
            gevent.spawn(self._send_beside, row)
        link = self._socket
        if link is not None and link.is_open and (self.kind != "switching" or self._chance.random() < 0.5):
            return link.call("newMessage", {"conversationId": row.conversation, **_fields(row)}, ACK_SECONDS)
        return self._over_rest(row, self._sends)

    def _over_rest(self, row: Send, link: Http) -> Answer:
        return link.call("POST", f"/api/conversations/{row.conversation}/messages", _fields(row), ACK_SECONDS)

    def _send_beside(self, row: Send) -> None:
        link = self._http()
        self._quietly(self._over_rest, row, link)
        link.close()

    def _quietly(self, act: Any, *arguments: Any) -> None:
        try:
            act(*arguments)
        except (NoAnswer, Refused):
            pass

    # Receiving

    def _stay_connected(self) -> None:
        use_socket = self.kind != "rest"
        while not self._stopping:
            try:
                if use_socket:
                    self._listen()
                else:
                    self._long_poll()
            except (NoAnswer, Refused):
                gevent.sleep(self._chance.uniform(0.1, 0.5))
            if self.kind == "switching":
                use_socket = not use_socket

    def _listen(self) -> None:
        """Be connected over a socket until it is lost."""
        self._live = {}
        connected = self._connected = Connected(self.user_id)
        polling = self.kind == "polling"
        link = Socket(*self._choose(), self._token, self._on_event, polling=polling, roams=self._roams)
        try:
            link.open()
            connected.worker = link.worker
            self._records.sockets.append(connected)
            self._socket = link
            self._needs_sync.set()
            while link.is_open:
                gevent.sleep(0.1)
        finally:
            connected.ended = min(connected.ended, time.time())
            link.close()
            self._socket = None

    def _long_poll(self) -> None:
        """Wait by long-poll for a while."""
        for _ in range(self._chance.randint(3, 12)):
            answer = self._poll.call("POST", "/api/sync?timeout=5", self.replica.body(), 12)
            try:
                self._take_sync(answer["data"])
            except Contradiction as breach:
                self._records.replica_breaches.append(str(breach))
            gevent.sleep(_BREATH_SECONDS)

    def _on_event(self, name: str, data: Any) -> None:
        try:
            self._take_event(name, data)
        except Contradiction as breach:
            self._records.replica_breaches.append(str(breach))

    def _take_event(self, name: str, data: Any) -> None:
        entry = entry_of(name, data)
        if entry is not None:
            self._records.deliveries += 1
            self._watch(entry["conversationId"], entry["seq"])
            if not self.replica.live(entry):
                self._needs_sync.set()
        elif name == "ready":
            self._connected.began = time.time()
            self.replica.ready(data["epoch"])
        elif name == "newConversation" and data["success"]:
            self.replica.opened(data["data"])
        elif name == "ownChanged":
            self.replica.own_changed(data["data"])
        elif name == "receipt":
            self.replica.receipt(data)
        elif name == "userProfileUpdated":
            self.replica.profile(data["userId"], data)
        elif name == "userOffline":
            self._records.offline.append((data["userId"], time.time()))
        elif name == "resync":
            self._connected.resyncs.append(time.time())
            self._needs_sync.set()

    def _watch(self, conversation: str, seq: int) -> None:
        """Check that on one connection a conversation's entries come in the order of the log, each once."""
        last, heard = self._live.get(conversation, 0), self._connected.heard.setdefault(conversation, {})
        if seq in heard:
            self._records.live_doubles.append(f"{self.user_id}: {conversation} {seq} came live again")
        elif seq < last:
            self._records.live_breaches.append(f"{self.user_id}: {conversation} {seq} came after {last}")
        heard.setdefault(seq, time.time())
        self._live[conversation] = max(seq, last)

    def _sync_when_needed(self) -> None:
        while True:
            self._needs_sync.wait()
            self._needs_sync.clear()
            try:
                self.sync()
            except (NoAnswer, Refused):
                self._needs_sync.set()
                gevent.sleep(self._chance.uniform(0.1, 0.5))
            else:
                gevent.sleep(_HELD_SECONDS)  # what is held may still come

    def sync(self) -> None:
        """Sync until there is no more."""
        try:
            for _ in range(_MOST_SYNCS):
                if not self._take_sync(self._ask_sync()):
                    return
            raise Contradiction("sync says again and again that there is more")
        except Contradiction as breach:
            self._records.replica_breaches.append(str(breach))

    def _take_sync(self, data: Any) -> bool:
        """Take the answer of a sync; True when there is more."""
        for row in data["conversations"]:
            if row["reset"] and row["id"] in self.replica.logs:
                self._records.resets.append((self.user_id, row["id"]))
        return self.replica.synced(data)

    def _ask_sync(self) -> Any:
        if self._socket is not None and self._socket.is_open:
            return self._socket.call("sync", self.replica.body(), 10)["data"]
        return self._rest.call("POST", "/api/sync", self.replica.body(), 10)["data"]

    def fill_gaps(self) -> None:
        """Fetch what limited syncs have left out."""
        for conversation, log in list(self.replica.logs.items()):
            while log.gaps:
                after, before = log.gaps[0]
                path = f"/api/conversations/{conversation}/entries?after={after}&before={before}&limit=500"
                answer = self._rest.call("GET", path, None, 30)
                log.fill((after, before), answer["data"], answer["meta"]["hasMore"])

    def read(self, conversation: str) -> None:
        """Mark as read what this device has of a conversation."""
        log: Log | None = self.replica.logs.get(conversation)
        if log is not None and log.cursor:
            self._quietly(
                self._rest.call, "POST", f"/api/conversations/{conversation}/read", {"seq": log.cursor}, ACK_SECONDS
            )


def _fields(row: Send) -> dict[str, object]:
    """Return what is sent of a message, the same with each attempt."""
    fields: dict[str, object] = {"clientMsgId": row.client_msg_id, "content": text_of(row)}
    if row.reply_to is not None:
        fields["replyTo"] = row.reply_to
    return fields | mentions(row.mention)


def _slim(entry: Entry) -> KeptEntry:
    """Return the part of an entry that the checker needs."""
    return {"id": entry["id"], "seq": entry["seq"], "type": entry["type"]}

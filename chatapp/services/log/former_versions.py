"""Messages as they were at the last entry that a former member sees. What is erased is erased for everybody."""

from collections.abc import Sequence

from bson import ObjectId

from chatapp.services.log import changes
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import Now, ShownEntry


class FormerVersions:
    """The versions of one conversation's messages at the entry `last`; the present ones where it is None."""

    def __init__(self, conversation_id: ObjectId, last: int | None) -> None:
        self._conversation_id, self._last = conversation_id, last
        self._changes: dict[int, list[ShownEntry]] = {}  # by the seq of the message

    def read(self, messages: Sequence[ShownEntry]) -> None:
        """Read those changes of these messages, all at once, that the former member has seen."""
        wanted = [row for row in messages if self._is_changed_later(row) and row["seq"] not in self._changes]
        if self._last is None or not wanted:
            return
        self._changes |= {message["seq"]: [] for message in wanted}
        ids = [message["_id"] for message in wanted]
        for row in entry_store.find_changes(self._conversation_id, ids, self._last):
            self._changes[row["target_seq"]].append(row)

    def _is_changed_later(self, message: ShownEntry) -> bool:
        """Return whether a message that is not deleted was changed after the last entry."""
        if self._last is None or "now" not in message:
            return False
        return message["now"]["seq"] > self._last and not message["now"]["deleted"]

    def now(self, message: ShownEntry) -> Now:
        """Return what the message was."""
        if not self._is_changed_later(message):
            return changes.of(message)
        self.read([message])
        now, text = changes.first(message), message
        for change in self._changes[message["seq"]]:
            now = changes.folded(now, change)
            if change["type"] == "message_edited":
                text = change
        return now if text["body"] is not None else {**now, "deleted": True, "reactions": {}, "pinned": None}

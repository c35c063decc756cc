"""Private state in the delivery lab (docs/protocol.md, section 13): what people change of it, what a device knows."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatapp.lab.records import PrivateAct, Records, Send
from chatapp.lab.state import Facts

_FOR_EVER = "9999-12-31T00:00:00.000Z"
_STORED = ("mutedUntil", "muteMentions", "archivedMseq", "pinnedAt", "markedUnreadSeq")  # the rest follows from these
_NOTHING: Facts = dict.fromkeys(_STORED) | {"muteMentions": False}


@dataclass
class Private:
    """A user's private state in one conversation, as a device knows it."""

    settings: Facts = field(default_factory=_NOTHING.copy)
    stars: list[str] = field(default_factory=list)
    draft: tuple[str, str] | None = None  # its id and its text
    hidden: set[int] = field(default_factory=set)  # seqs; what is hidden stays so
    _versions: dict[str, int] = field(default_factory=dict)

    def take(self, given: Mapping[str, Any]) -> None:
        """Take all of it, or the part that was changed."""
        self.hidden |= set(given.get("hiddenSeqs", ()))
        if "settings" in given and self._is_next("settings", given["version"]):
            self.settings = {name: given["settings"][name] for name in _STORED}
        if "stars" in given and self._is_next("stars", given["version"]):
            self.stars = list(given["stars"])
        if "draft" in given and self._is_next("draft", given["version"]):
            draft = given["draft"]
            self.draft = (draft["draftId"], draft["text"]) if draft else None

    def _is_next(self, name: str, version: int) -> bool:
        if version < self._versions.get(name, 0):
            return False
        self._versions[name] = version
        return True

    def shown(self) -> Facts:
        """Return all of it, to be compared."""
        return {
            **self.settings,
            "stars": sorted(self.stars),
            "draft": self.draft,
            "hidden messages": sorted(self.hidden),
        }


def choose(user_id: str, row: Send, chance: random.Random) -> PrivateAct:
    """Return something that a user changes for themselves, of a message or its conversation."""
    settings: list[dict[str, object]] = [
        {"mutedUntil": chance.choice((None, _FOR_EVER)), "muteMentions": chance.random() < 0.5},
        {"archived": chance.random() < 0.5},
        {"pinned": chance.random() < 0.5},
        {"markedUnread": chance.random() < 0.5},
    ]
    message = f"/api/messages/{row.message_id}"
    method, path, body = chance.choice(
        (
            ("PUT", f"/api/conversations/{row.conversation}/settings", chance.choice(settings)),
            ("PUT", f"{message}/star", {}),
            ("DELETE", f"{message}/star", None),
            ("DELETE", f"{message}?for=me", None),
        )
    )
    return PrivateAct(user_id, row.conversation, row.seq or 0, method, path, body)


def draft(row: Send, chance: random.Random) -> PrivateAct:
    """Return a draft of a message to keep, or its removal."""
    body = {"text": chance.choice(("", "Shall we", "Shall we meet")), "draftId": row.client_msg_id}
    return PrivateAct(row.sender, row.conversation, 0, "PUT", f"/api/conversations/{row.conversation}/draft", body)


def came_back(records: Records, told: Mapping[str, Mapping[str, Facts]]) -> Iterable[str]:
    """Yield drafts that are kept though they were sent."""
    sent = {(row.sender, row.conversation, row.client_msg_id) for row in records.sends if row.outcome == "ok"}
    for user, conversations in told.items():
        for conversation, known in conversations.items():
            draft: Any = known.get("draft")
            if draft is not None and (user, conversation, draft[0]) in sent:
                yield f"{conversation}: {user} has a draft that was sent: {draft[1]}"


def lost(records: Records, told: Mapping[str, Mapping[str, Facts]]) -> Iterable[str]:
    """Yield what was acknowledged and is not so. `told`: user → conversation → what a device without a past is told."""
    for act in records.private_acts:
        known = told.get(act.user, {}).get(act.conversation)
        hides = act.path.endswith("?for=me") and act.outcome == "ok"
        if hides and known is not None and act.seq not in known["hidden messages"]:  # type: ignore[operator]
            yield f"{act.conversation} {act.seq}: {act.user} had deleted it for themselves"

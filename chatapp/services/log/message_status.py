"""The status of a message that its sender is shown: sent, delivered, read."""

from bisect import bisect_left

from chatapp.services.log.member import Member, shows_reads
from chatapp.services.log.state import Conversation


class Audience:
    """The marks of the other members that decide the status of one sender's messages."""

    def __init__(self, conversation: Conversation, sender: Member) -> None:
        self._others = [  # (joined, delivered up to, read up to), by when they joined
            (row.joined_seq, conversation.delivered_mark(row, sender), _read_mark(conversation, row, sender))
            for row in sorted(conversation.current_members, key=lambda row: row.joined_seq)
            if row is not sender
        ]
        self._newest_joined = self._others[-1][0] if self._others else 0
        self._delivered = sorted(row[1] for row in self._others)
        self._read = sorted(row[2] for row in self._others)

    def status(self, seq: int) -> tuple[str, int, int]:
        """Return the status of the sender's message, how many have it, and how many have read it."""
        if seq > self._newest_joined:
            count = len(self._others)
            delivered = count - bisect_left(self._delivered, seq)
            read = count - bisect_left(self._read, seq)
        else:
            others = [row for row in self._others if row[0] < seq]
            count = len(others)
            delivered = sum(row[1] >= seq for row in others)
            read = sum(row[2] >= seq for row in others)
        status = "sent"
        if count and delivered == count:
            status = "read" if read == count else "delivered"
        return status, delivered, read


def _read_mark(conversation: Conversation, member: Member, sender: Member) -> int:
    """Return the member's read mark as the sender may know it: 0 for nothing."""
    return conversation.read_marks(member)[0] if shows_reads(member, sender) else 0

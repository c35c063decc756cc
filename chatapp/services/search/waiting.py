"""Conversations whose logs have moved, and wait to be indexed."""

from collections.abc import Iterable

from bson import ObjectId

from chatapp.state import on_reset

_waiting: set[ObjectId] = set()


@on_reset
def reset() -> None:
    """Forget what waits."""
    _waiting.clear()


def note(conversation_id: ObjectId) -> None:
    """Let a conversation be indexed within a second."""
    _waiting.add(conversation_id)


def note_all(conversation_ids: Iterable[ObjectId]) -> None:
    """Let these conversations be indexed."""
    _waiting.update(conversation_ids)


def take(most: int) -> list[ObjectId]:
    """Return some of the conversations that wait, which wait no more then."""
    return [_waiting.pop() for _ in range(min(most, len(_waiting)))]

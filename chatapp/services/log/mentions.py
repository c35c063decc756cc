"""Mentions: the people whom messages name, beside the log for those who have not read them."""

from collections.abc import Iterable, Mapping
from typing import TypedDict

from bson import ObjectId

from chatapp import errors
from chatapp.ids import object_id
from chatapp.schemas.views.entries import MentionView
from chatapp.stores.documents.entries import Mention, MessageBody

EVERYONE = "everyone"
MOST_KNOWN = 500  # messages with mentions of one conversation

Mentioned = Mapping[int, list[ObjectId | str]]  # the mseq of a message → whom it mentions


class GivenMention(TypedDict):
    """A mention as a client sends it."""

    user_id: str
    offset: int
    length: int


def read(given: list[GivenMention], content: str) -> list[Mention]:
    """Return the mentions in a text, as they are stored. Raises BadRequest."""
    units = len(content.encode("utf-16-le")) // 2
    return [_read(row, units) for row in given]


def _read(given: GivenMention, units: int) -> Mention:
    user_id = given["user_id"] if given["user_id"] == EVERYONE else object_id(given["user_id"])
    if user_id is None:
        raise not_a_member()
    if given["offset"] + given["length"] > units:
        raise errors.invalid("mentions", "A mention lies within the text, counted in UTF-16 units.")
    return {"user_id": user_id, "offset": given["offset"], "length": given["length"]}


def not_a_member() -> errors.BadRequest:
    """Return the error for a mention of somebody else."""
    return errors.invalid("mentions", "Only members can be mentioned.")


def people_in(body: MessageBody | None) -> list[ObjectId | str]:
    """Return whom a text mentions, each once."""
    rows = body.get("mentions", ()) if body is not None else ()
    return list(dict.fromkeys(row["user_id"] for row in rows))


def known_after(known: Mentioned, mseq: int, people: list[ObjectId | str], least: int) -> Mentioned:
    """Return the known mentions after a message mentions these people, or nobody any more.

    What all members have read, up to `least`, needs no counting; nor does more than the newest MOST_KNOWN.
    """
    after = {key: whom for key, whom in known.items() if key > least and key != mseq}
    if people and mseq > least:
        after[mseq] = people
    for key in sorted(after)[:-MOST_KNOWN]:
        del after[key]
    return after


def of(known: Mentioned, user_id: ObjectId, read_mseq: int, last_mseq: int) -> list[int]:
    """Return the mseqs of the messages that mention this user, after what they have read and up to a last one."""
    return sorted(
        mseq for mseq, whom in known.items() if read_mseq < mseq <= last_mseq and (user_id in whom or EVERYONE in whom)
    )


def to_rows(known: Mentioned) -> list[tuple[int, list[ObjectId | str]]]:
    """Return the known mentions as they are stored."""
    return sorted(known.items())


def are_same(found: Mentioned, wanted: Mentioned) -> bool:
    """Return whether the stored mentions are those that the log amounts to.

    Where many are known, older ones have been left out, and how many depends on what was erased since.
    """
    if len(wanted) > MOST_KNOWN // 2 and found:
        wanted = {mseq: whom for mseq, whom in wanted.items() if mseq >= min(found)}
    return found == wanted


def shown(mentions: Iterable[Mention]) -> list[MentionView]:
    """Return the mentions in a text as clients see them."""
    return [{"userId": str(row["user_id"]), "offset": row["offset"], "length": row["length"]} for row in mentions]

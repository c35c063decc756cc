"""A proof of the log, for a client to compare its own state with."""

from bson import ObjectId

from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.sync import ProofView
from chatapp.services import access
from chatapp.services.log import hash_chain
from chatapp.services.log.conversation_views import head_view
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.conversations import LogHead
from chatapp.stores.entries import Range


def at(user_id: ObjectId, conversation_text: str, seq: int | None = None) -> Data[ProofView]:
    """Return `{data: {seq, mseq, hash, count, head}}` at a seq that the caller may see (default: their last).

    Raises NotFound CONVERSATION_NOT_FOUND.
    """
    conversation, member = access.load_for_reader(user_id, conversation_text)
    last = member.last_visible(conversation.seq)
    place = last if seq is None else max(member.first_visible - 1, min(seq, last))
    places = [Range(conversation.id, row, row) for row in {place, last}]
    found = {row["seq"]: row for row in entry_store.find_ranges(places)}
    start: LogHead = {"seq": 0, "mseq": 0, "hash": hash_chain.genesis(conversation.id)}
    entry, head = found.get(place, start), found.get(last, start)
    return {
        "data": {
            "conversationId": str(conversation.id),
            "seq": entry["seq"],
            "mseq": entry["mseq"],
            "hash": entry["hash"],
            "count": entry["seq"],
            "head": head_view(head),
        }
    }

"""The log of a conversation over sockets: sync, entries, proof, receipts."""

from typing import Any

from chatapp.schemas.answers.entries import EntriesOut
from chatapp.schemas.answers.receipts import MessageReceiptsOut, TraceOut
from chatapp.schemas.answers.sync import ProofOut, SyncOut
from chatapp.schemas.pushed import DoneOut
from chatapp.schemas.sync import DeliveredIn, EntriesIn, MessageIdIn, ProofIn, SyncIn
from chatapp.services import message_receipts, receipts
from chatapp.services.log import entry_views, proof
from chatapp.services.sync import answer as sync
from chatapp.sockets.dispatch import Answer, Caller, event


@event("sync", SyncIn, out=SyncOut)
def get_sync(caller: Caller, **has: Any) -> Answer:
    """Return everything that the client lacks, by its cursors."""
    return sync.answer(caller.user_id, 0, **has)


@event("getEntries", EntriesIn, out=EntriesOut, reads=True)
def get_entries(caller: Caller, conversation_id: str, limit: int = entry_views.PAGE, **page: Any) -> Answer:
    """Return a page of entries of every type, ascending."""
    return entry_views.page(caller.user_id, conversation_id, limit=limit, **page)


@event("getProof", ProofIn, out=ProofOut, reads=True)
def get_proof(caller: Caller, conversation_id: str, at: int | None = None) -> Answer:
    """Return the hash chain's value at a place of the log."""
    return proof.at(caller.user_id, conversation_id, at)


@event("markAsDelivered", DeliveredIn, out=DoneOut)
def mark_as_delivered(caller: Caller, cursors: dict[str, int]) -> Answer:
    """Say up to where this device has the logs."""
    receipts.mark_delivered(caller.user_id, cursors)
    return {}


@event("getReceipts", MessageIdIn, bare="messageId", out=MessageReceiptsOut, reads=True)
def get_receipts(caller: Caller, message_id: str) -> Answer:
    """Return which members have got and read a message, and when."""
    return message_receipts.of_message(caller.user_id, message_id)


@event("getTrace", MessageIdIn, bare="messageId", out=TraceOut, reads=True)
def get_trace(caller: Caller, message_id: str) -> Answer:
    """Return how far a message has come."""
    return message_receipts.trace(caller.user_id, message_id)

"""The log of a conversation: sync, entries, proof; what became of a message."""

from typing import Any

from flask import Blueprint, g

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.entries import EntriesOut
from chatapp.schemas.answers.receipts import MessageReceiptsOut, TraceOut
from chatapp.schemas.answers.sync import ProofOut, SyncOut
from chatapp.schemas.sync import EntriesIn, ProofIn, SyncIn, SyncQuery, WaitIn
from chatapp.services import message_receipts
from chatapp.services.accounts.tokens import Identity
from chatapp.services.log import entry_views, proof
from chatapp.services.sync import answer as sync

bp = Blueprint("log", __name__)


@bp.post("/sync")
@endpoint(body=SyncIn, query=WaitIn, out=SyncOut, large=True)
def post_sync(caller: Identity, timeout: int = 0, **has: Any) -> Answer:
    """Return everything that the client lacks; with `timeout`, wait until there is something."""
    g.may_take_seconds = timeout
    return sync.answer(caller.user_id, timeout, **has)


@bp.get("/sync")
@endpoint(query=SyncQuery, out=SyncOut)
def get_sync(caller: Identity, timeout: int = 0, **has: Any) -> Answer:
    """Return the same by GET."""
    g.may_take_seconds = timeout
    return sync.answer(caller.user_id, timeout, **has)


@bp.get("/conversations/<conversation_id>/entries")
@endpoint(query=EntriesIn, without=("conversation_id",), out=EntriesOut, codes=(Code.CONVERSATION_NOT_FOUND,))
def get_entries(caller: Identity, conversation_id: str, **page: Any) -> Answer:
    """Return a page of entries of every type, ascending; `after` and `before` are seqs."""
    return entry_views.page(caller.user_id, conversation_id, **page)


@bp.get("/conversations/<conversation_id>/proof")
@endpoint(query=ProofIn, without=("conversation_id",), out=ProofOut, codes=(Code.CONVERSATION_NOT_FOUND,))
def get_proof(caller: Identity, conversation_id: str, at: int | None = None) -> Answer:
    """Return the hash chain's value at a place of the log, to compare with one's own."""
    return proof.at(caller.user_id, conversation_id, at)


@bp.get("/messages/<message_id>/receipts")
@endpoint(out=MessageReceiptsOut, codes=(Code.MESSAGE_NOT_FOUND,))
def get_receipts(caller: Identity, message_id: str) -> Answer:
    """Return which members have got and read a message, and when."""
    return message_receipts.of_message(caller.user_id, message_id)


@bp.get("/messages/<message_id>/trace")
@endpoint(out=TraceOut, codes=(Code.MESSAGE_NOT_FOUND, Code.NOT_ALLOWED))
def get_trace(caller: Identity, message_id: str) -> Answer:
    """Return how far a message has come; for its sender, and a group's owner and admins."""
    return message_receipts.trace(caller.user_id, message_id)

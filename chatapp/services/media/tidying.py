"""Finish what was left of files: uploads that nobody goes on with, checks and deletions that a crash has ended."""

from datetime import timedelta

import structlog

from chatapp import clock
from chatapp.services.media import checking, erasing
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores import media as media_store
from chatapp.stores import media_uses
from chatapp.stores.documents.media import MediaUse

logger = structlog.get_logger("chatapp.media")
_UNUSED = timedelta(days=1)
_MOST = 100  # at a time; the rest follow next time
_ABANDONED = timedelta(minutes=5)  # a check takes seconds


def tidy() -> None:
    """Do what is due."""
    now = clock.now()
    for media in media_store.find_in_state("going", now - _ABANDONED, _MOST):
        erasing.delete_unless_used(media)
    for media in media_store.find_in_state("checking", now - _ABANDONED, _MOST):
        checking.check(media["_id"])
    for media in media_store.find_in_state("uploading", now - timedelta(seconds=config().UPLOAD_SECONDS), _MOST):
        erasing.drop(media["_id"], ["uploading"])
    for use in media_uses.find_unchecked(now - _UNUSED, _MOST):
        _look_for_message(use)
    for media in media_store.find_unused(now - _UNUSED, _MOST):
        erasing.drop_unused(media["_id"])


def _look_for_message(use: MediaUse) -> None:
    """Forget a use whose message was never stored, and let the file go with it."""
    conversation_id, sender_id, client_msg_id = use["conversation_id"], use["sender_id"], use["client_msg_id"]
    entry = entry_store.find_by_client_msg_id(conversation_id, sender_id, client_msg_id)
    if entry is not None and any(row["id"] == use["media_id"] for row in entry.get("media", ())):
        media_uses.set_checked(use)
        return
    media_uses.delete_of_message(conversation_id, sender_id, client_msg_id, [use["media_id"]])
    erasing.drop_unused(use["media_id"])


def tidy_all() -> None:
    """Do everything that a crash has left, however short a time ago: at the start, where no other process works."""
    soon = clock.now() + _ABANDONED
    for media in media_store.find_in_state("checking", soon, _MOST):
        checking.begin(media["_id"])
    for media in media_store.find_in_state("going", soon, _MOST):
        erasing.delete_unless_used(media)

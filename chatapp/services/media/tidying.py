"""Finish what was left of files: uploads that nobody goes on with, checks and deletions that a crash has ended."""

from datetime import timedelta

import structlog

from chatapp import clock
from chatapp.services.media import checking, erasing
from chatapp.settings import config
from chatapp.stores import media as media_store

logger = structlog.get_logger("chatapp.media")
_MOST = 100  # at a time; the rest follow next time
_ABANDONED = timedelta(minutes=5)  # a check takes seconds


def tidy() -> None:
    """Do what is due."""
    now = clock.now()
    for media in media_store.find_in_state("going", now - _ABANDONED, _MOST):
        erasing.delete_bytes(media)
    for media in media_store.find_in_state("checking", now - _ABANDONED, _MOST):
        checking.check(media["_id"])
    for media in media_store.find_in_state("uploading", now - timedelta(seconds=config().UPLOAD_SECONDS), _MOST):
        erasing.drop(media["_id"], ["uploading"])


def tidy_all() -> None:
    """Do everything that a crash has left, however short a time ago: at the start, where no other process works."""
    for media in media_store.find_in_state("checking", clock.now() + _ABANDONED, _MOST):
        checking.begin(media["_id"])

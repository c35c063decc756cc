"""Look after the store of files: count, find what belongs to nothing, compare hashes, move to a bucket."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from uuid import uuid4

from bson import ObjectId

from chatapp import blobs
from chatapp.blobs import Folder, Store
from chatapp.services.media.erasing import keys_of
from chatapp.services.media.spool import folder
from chatapp.settings import config
from chatapp.stores import media as media_store
from chatapp.stores.documents.media import MediaDocument

_BATCH = 500
_UNDER_WAY = ("uploading", "checking")


@dataclass
class Totals:
    """The files by their state, and the bytes of those that are ready, by kind."""

    states: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    size: int = 0


def count() -> Totals:
    """Count the files that are known."""
    totals = Totals()
    for media in media_store.iterate_all():
        totals.states[media["state"]] += 1
        if media["state"] == "ready":
            totals.kinds[media["kind"]] += media["size"]
            totals.size += media["size"] + sum(media.get("thumbs", {}).values())
    return totals


def orphans() -> Iterator[str]:
    """Yield the keys in the store that belong to no file; what is under way may have more than is known yet."""
    keys = blobs.current().keys()
    while batch := list(islice(keys, _BATCH)):
        known = media_store.find_many(list({ObjectId(key[:24]) for key in batch}))
        for key in batch:
            media = known.get(ObjectId(key[:24]))
            if media is None or (media["state"] not in _UNDER_WAY and key not in keys_of(media)):
                yield key


def ready() -> Iterator[MediaDocument]:
    """Yield the files that people can get."""
    return (media for media in media_store.iterate_all() if media["state"] == "ready")


def problem_of(media: MediaDocument) -> str | None:
    """Return what is wrong with a stored file: it is missing, or has other bytes than its messages name."""
    digest = hashlib.sha256()
    try:
        for piece in blobs.current().read(media["blob"], 0, media["size"]):
            blobs.in_thread(digest.update, piece)
    except FileNotFoundError:
        return "is missing"
    if digest.hexdigest() != media["sha256"] or blobs.current().size(media["blob"]) != media["size"]:
        return "has other bytes than its hash says"
    missing = [key for key in keys_of({**media, "parts": []}) if blobs.current().size(key) is None]
    return f"lacks {len(missing)} of its pictures" if missing else None


def source() -> Folder:
    """Return the folder that files are moved from."""
    return Folder(config().instance_path / "media")


def move(key: str, origin: Store) -> bool:
    """Move one file from a folder into the store; False if it was there. Interrupted, it is done again."""
    size = origin.size(key)
    if size is None:
        return False
    if blobs.current().size(key) != size:
        path: Path = folder() / uuid4().hex
        try:
            with path.open("xb") as file:
                for piece in origin.read(key, 0, size):
                    file.write(piece)
            blobs.current().put(key, path)
        finally:
            path.unlink(missing_ok=True)
    origin.delete([key])
    return True

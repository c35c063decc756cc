"""The store of files."""

from uuid import uuid4

from bson import ObjectId

from chatapp import blobs
from chatapp.cli.checks.examination import Patient, Problem
from chatapp.services.media.spool import folder


def stored_files(patient: Patient) -> str:
    """Write a file, read it, and delete it."""
    key = f"{ObjectId()}.doctor"
    try:
        store = blobs.current()
        path = folder() / uuid4().hex
        path.write_bytes(b"doctor")
        store.put(key, path)
        path.unlink(missing_ok=True)
        found = b"".join(store.read(key, 0, 6))
        store.delete([key])
    except OSError as error:
        raise Problem(f"Files can't be stored: {error}. Check INSTANCE_DIR or the MEDIA_S3_ settings.") from None
    if found != b"doctor":
        raise Problem(f"{store.name} does not give back what was stored.")
    return f"written, read and deleted in {store.name}"

"""The files of messages: kept in a folder of this machine, or in a bucket of S3.

`current()` is the store that the settings name. Both do the same, and one test suite holds them to it.
"""

from chatapp.blobs.choice import current
from chatapp.blobs.folder import Folder
from chatapp.blobs.store import PIECE_BYTES, Store
from chatapp.threads import in_thread

__all__ = ["PIECE_BYTES", "Folder", "Store", "current", "in_thread"]

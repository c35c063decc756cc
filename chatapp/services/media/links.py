"""Addresses of this server's own files, as clients send them back."""

import re
from urllib.parse import urlsplit

from chatapp.settings import config

_PATH = re.compile(r"/media/([0-9a-f]{24})/[^/]+", re.ASCII)


def media_of(address: str) -> tuple[str, bool] | None:
    """Return the id that an address names, and whether it is this server's for certain; None for any other.

    Without PUBLIC_URL the server does not know its own host: the path is all that says so.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    named = _PATH.fullmatch(parts.path)
    if named is None:
        return None
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    own = [base.rstrip("/") for base in (config().PUBLIC_URL, config().MEDIA_ORIGIN) if base]
    if origin == "" or origin in own:
        return named[1], True
    return None if own else (named[1], False)

"""Addresses of pictures and files that users send: what every client may open without asking."""

import re
import unicodedata
from urllib.parse import urlsplit

from chatapp.settings import config

LONGEST_BYTES = 2_048
_WEB_ADDRESS = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_OWN_MEDIA = re.compile(r"/media(/[\w~-][\w.~-]*)+", re.ASCII)
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)
_UNSAFE = frozenset('\\"<>')


def is_allowed(link: str) -> bool:
    """Return whether it is `https:` (outside production `http:` too) or this server's own, and free of tricks.

    Tricks are another scheme in any spelling, a user name before the host, and characters that cannot be seen.
    """
    if len(link.encode()) > LONGEST_BYTES or not all(map(_is_safe, link)):
        return False
    return bool(_OWN_MEDIA.fullmatch(link)) or (_WEB_ADDRESS.match(link) is not None and _is_trusted(link))


def _is_safe(character: str) -> bool:
    return unicodedata.category(character)[0] not in "ZC" and character not in _UNSAFE


def _is_trusted(link: str) -> bool:
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").encode("idna").decode()
        _ = parts.port  # raises where it is none
    except ValueError:
        return False
    own = config().PUBLIC_URL.rstrip("/")
    is_https = parts.scheme == "https" or not config().is_production or (own != "" and link.startswith(f"{own}/"))
    return is_https and "@" not in parts.netloc and _HOST.fullmatch(host) is not None

"""Addresses of files."""

from urllib.parse import quote


def plain_path(media_id: str, name: str) -> str:
    """Return the path of a file without a signature: it names the file to this server, and opens nothing."""
    return f"/media/{media_id}/{quote(name, safe='')}"

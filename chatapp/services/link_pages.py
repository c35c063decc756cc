"""The title and description that an HTML page gives of itself: Open Graph (https://ogp.me), else HTML's own.

A page is hostile, so it is not parsed as a browser does: its first 256 KiB are searched for `title` and `meta`, by
expressions whose time grows with the length alone.
"""

import html
import re

from chatapp.text import is_blank

HEAD_BYTES = 262_144
MOST_TAGS = 200
LONGEST = {"title": 200, "description": 500, "site": 100}
_META = re.compile(r"<meta\s([^<>]{1,4000})>", re.IGNORECASE)
_TITLE = re.compile(r"<title(?:\s[^<>]{0,200})?>([^<]{0,2000})", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z:-]{1,40})=(?:"([^"]*)"|'([^']*)'|([^\s"']+))""", re.IGNORECASE)
_CHARSET = re.compile(r"""charset=["']?([\w-]{1,20})""", re.IGNORECASE | re.ASCII)
_CHARSETS = re.compile(
    r"utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|shift_jis|euc-jp|iso-2022-jp|euc-kr|gb2312|gbk|gb18030|big5",
    re.IGNORECASE,
)
_END_OF_HEAD = re.compile(r"</head|<body", re.IGNORECASE)
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


def read(body: bytes, content_type: str) -> tuple[str, str, str] | None:
    """Return title, description and the site's name, each in one line; None for what is no page or has no title."""
    if content_type.partition(";")[0].strip().lower() not in ("text/html", "application/xhtml+xml"):
        return None
    text = _decoded(body[:HEAD_BYTES], content_type)
    if end := _END_OF_HEAD.search(text):
        text = text[: end.start()]
    metas = _metas(text)
    own_title = _TITLE.search(text)
    title = _line(metas.get("og:title") or (own_title[1] if own_title else ""), LONGEST["title"])
    description = _line(metas.get("og:description") or metas.get("description", ""), LONGEST["description"])
    return (title, description, _line(metas.get("og:site_name", ""), LONGEST["site"])) if title else None


def _decoded(data: bytes, content_type: str) -> str:
    """Return the text of a page, in the character set that it names."""
    named = _CHARSET.search(content_type) or _CHARSET.search(data[:1024].decode("latin-1"))
    charset = named[1] if named and _CHARSETS.fullmatch(named[1]) else "utf-8"
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _metas(text: str) -> dict[str, str]:
    """Return the content of each `meta` by its property or name, the first of each."""
    found: dict[str, str] = {}
    for _, tag in zip(range(MOST_TAGS), _META.finditer(text), strict=False):
        attributes = {row[1].lower(): row[2] or row[3] or row[4] or "" for row in _ATTRIBUTE.finditer(tag[1])}
        name = attributes.get("property") or attributes.get("name")
        if name and "content" in attributes:
            found.setdefault(name.lower(), attributes["content"])
    return found


def _line(text: str, longest: int) -> str:
    """Return a text in one line that shows as it is: without controls and changes of direction."""
    line = " ".join(_UNSEEN.sub(" ", html.unescape(text)).split())
    if is_blank(line):
        return ""
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"

"""Emoji: which texts are one, and one key for each.

The variation selector U+FE0F asks for the coloured picture of a sign; with and without it an emoji is the same. The
key of an emoji is without it, and people are shown the form that Unicode calls fully qualified.
"""

from emoji import EMOJI_DATA, STATUS

_PICTURE = "\ufe0f"
_QUALIFIED = {
    text.replace(_PICTURE, ""): text
    for text, facts in EMOJI_DATA.items()
    if facts["status"] <= STATUS["fully_qualified"]
}


def key_of(text: str) -> str | None:
    """Return the key of a text that is one emoji and nothing else, of any other None."""
    key = text.replace(_PICTURE, "")
    return key if key in _QUALIFIED else None


def shown(key: str) -> str:
    """Return the emoji as devices show it in colour; a key that only a later version knows as it is."""
    return _QUALIFIED.get(key, key)

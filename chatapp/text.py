"""Text of people: what can be seen of it, what a name may be, and how names are searched.

Names follow the Nickname profile of PRECIS (RFC 8266) as far as phones let them: white space is folded, what cannot be
seen or changes the direction of other text is refused. They are stored in NFC, not NFKC, and keep the joiners and
variation selectors of emoji and of the scripts that need them.
"""

import re
import unicodedata
from unicodedata import category, normalize

BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")  # letters and symbols that leave an empty place
_MOST_MARKS = 5  # on one letter
_ZWNJ, _ZWJ, _BLACK_FLAG = "\u200c", "\u200d", "\U0001f3f4"
_VARIATION = re.compile("[\ufe00-\ufe0f]")
_IDEOGRAPHIC_VARIATION = re.compile("[\U000e0100-\U000e01ef]")
_TAG = re.compile("[\U000e0020-\U000e007f]")
_IGNORED_MARKS = frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
_VIRAMA = 9
_WITHOUT_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670]"
)  # not those that other scripts spell with
BASE_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "æ": "ae", "œ": "oe", "ħ": "h"}
)
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc]")
_WRITTEN_TOGETHER = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
_LONGEST_KEY = 64


def is_blank(text: str) -> bool:
    """Return whether nothing in it can be seen: white space, controls, zero width, fillers, lone marks."""
    if text[:1].isalnum() and text[0] not in BLANKS:  # nearly always
        return False
    return not any(map(_is_visible, text))


def _is_visible(character: str) -> bool:
    kind = category(character)
    return (kind[0] in "LNPS" or kind in ("Mc", "Co") or _is_unassigned(character, kind)) and character not in BLANKS


def _is_unassigned(character: str, kind: str) -> bool:
    """Return whether this Python's Unicode lacks the character; a newer one may have it, as next year's emoji."""
    return kind == "Cn" and not 0xE0000 <= ord(character) <= 0xE0FFF


def read_name(text: str) -> str:
    """Return the name as it is stored: in NFC, white space folded. Raises ValueError with a sentence for the user."""
    name = _folded_spaces(text)
    if is_blank(name):
        raise ValueError("Must not be blank.")
    if not all(_may_stand(name, place) for place in range(len(name))):
        raise ValueError("Has characters that can't be seen, or that change the direction of text.")
    return name


def clean_name(text: str, longest: int) -> str:
    """Return the text without what a name may not have, cut to `longest` characters; may be empty."""
    name = _folded_spaces(text)
    kept = "".join(character for place, character in enumerate(name) if _may_stand(name, place))[:longest].rstrip()
    return "" if is_blank(kept) else kept


def _folded_spaces(text: str) -> str:
    return " ".join(normalize("NFC", text).split())


def _may_stand(name: str, place: int) -> bool:
    """Return whether this character of the name may stand in its place."""
    character = name[place]
    kind = category(character)
    if kind[0] in "LNPSZ":
        return character not in BLANKS
    before = name[place - 1] if place else ""
    if kind[0] == "M":
        return _is_mark_allowed(name, place, before)
    after = name[place + 1] if place + 1 < len(name) else ""
    if character == _ZWJ:
        return _joins_emoji(before, after) or _follows_virama(before)
    if character == _ZWNJ:
        return _follows_virama(before) or (_is_arabic(before) and _is_arabic(after))
    if _TAG.match(character):
        return name[:place].rstrip("".join(filter(_TAG.match, name))).endswith(_BLACK_FLAG)
    is_noncharacter = 0xFDD0 <= ord(character) <= 0xFDEF or ord(character) & 0xFFFE == 0xFFFE
    return _is_unassigned(character, kind) and not is_noncharacter


def _is_mark_allowed(name: str, place: int, before: str) -> bool:
    character = name[place]
    if _VARIATION.match(character):
        return bool(before) and category(before) in ("So", "Sm", "Po", "Pd", "Nd")
    if _IDEOGRAPHIC_VARIATION.match(character):
        return bool(before) and category(before) == "Lo"
    marks = name[max(0, place - _MOST_MARKS) : place + 1]
    too_many = len(marks) > _MOST_MARKS and all(category(mark)[0] == "M" for mark in marks)
    return bool(before) and character not in _IGNORED_MARKS and not too_many


def _joins_emoji(before: str, after: str) -> bool:
    is_emoji = bool(before) and (category(before) in ("So", "Sk", "Cn") or before == "\ufe0f")
    return is_emoji and bool(after) and category(after) in ("So", "Sm", "Cn")


def _follows_virama(before: str) -> bool:
    return bool(before) and unicodedata.combining(before) == _VIRAMA


def _is_arabic(character: str) -> bool:
    return bool(character) and unicodedata.bidirectional(character) in ("AL", "NSM")


def sort_key(name: str) -> str:
    """Return the name as it is sorted: its words without case and accents."""
    return " ".join(_words(name)) or name.casefold()


def search_keys(name: str) -> list[str]:
    """Return the rest of the name from each of its words on, without case and accents: a search is the start of one."""
    words = _words(name)
    keys = [" ".join(words[first:]) for first in range(len(words))]
    keys += [word for word in _words(_APOSTROPHES.sub("", name)) if word not in words]
    keys += [word[first:] for word in words if _WRITTEN_TOGETHER.search(word) for first in range(1, len(word))]
    return list(dict.fromkeys(key[:_LONGEST_KEY] for key in keys))


def search_prefix(text: str) -> str:
    """Return the text that a search compares with the start of search keys; "" where there is nothing to search for."""
    return " ".join(_words(text))[:_LONGEST_KEY].rstrip()


def _words(text: str) -> list[str]:
    plain = _WITHOUT_MARKS.sub("", normalize("NFKD", normalize("NFKC", text).casefold()))
    folded = normalize("NFKC", plain.translate(BASE_LETTERS))
    return "".join(map(_as_part_of_words, folded)).split()


def _as_part_of_words(character: str) -> str:
    kind = category(character)
    if kind[0] in "LNM":
        return "" if character in BLANKS or _VARIATION.match(character) else character
    if kind[0] == "S" or kind == "Cn":
        return f" {character} "  # an emoji is a word of its own
    return "" if kind[0] == "C" else " "

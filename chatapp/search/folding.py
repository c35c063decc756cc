"""Texts without the differences that a search overlooks, and the way back to the places in the text as it was written.

A text is taken in pieces: a character with the marks and invisible characters that follow it. Each piece is folded by
itself, so the folded text can be led back to the pieces, however its length has changed.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, groupby, islice
from unicodedata import category, name, normalize

from chatapp.text import BASE_LETTERS, BLANKS

_MOST_MARKS = 15  # in one piece: putting marks in order takes time that is quadratic in their number
_WITHOUT_ACCENTS = ("LATIN", "GREEK", "CYRILLIC")
_INVISIBLE = re.compile("[\u034f\ufe00-\ufe0f\u180b-\u180d\u180f\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]")
_APOSTROPHE = "\u02bc"  # a letter for Unicode, but typed as a plain apostrophe as often

# Written without spaces between words: Han, Kana, Hangul, Thai, and Lao, Burmese and Khmer; without their digits.
_RUN = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1050-\u108f\u1100-\u11ff\u1780-\u17d3\u3005-\u3007"
    "\u3021-\u3029\u3038-\u303b\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_FLAG = "\U0001f1e6-\U0001f1ff"  # two of these letters are the flag of a country
_WORD = re.compile(f"[{_RUN}]+|[{_FLAG}]{{1,2}}|[^ {_RUN}{_FLAG}]+")
_IN_RUN = re.compile(f"[{_RUN}]")
_AS_FOLDED = (  # characters that folding leaves as they are: the other ones are looked at one by one
    " a-z0-9\u03b1-\u03c1\u03c3-\u03c9\u0430-\u0438\u043a-\u044f\u05d0-\u05ea\u0621-\u063a\u0641-\u064a\u0e01-\u0e30"
    "\u0e32\u0e40-\u0e46\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0002a6df"
)
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


def _marks(codes: Iterable[int]) -> str:
    """Return the marks and invisible characters among them, as they stand in a class of a regular expression."""
    runs = [list(run) for is_mark, run in groupby(codes, _is_mark) if is_mark]
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


def _is_mark(code: int) -> bool:
    return category(chr(code)) in ("Mn", "Mc", "Me", "Cf")


_JAMO = "\u1160-\u11ff\ud7b0-\ud7ff"  # vowels and final consonants of Hangul, which make syllables
_VOWELS = "\u0e33\u0eb3"  # am of Thai and Lao, which begins with a mark
_SOUNDS = "\uff9e\uff9f"  # voicing marks of katakana of half width
_SKIN_TONES = "\U0001f3fb-\U0001f3ff"
_LATER = (  # belong to the character before them; the far ones are many ranges, so most characters are kept from them
    f"[{_JAMO}{_VOWELS}{_SOUNDS}{_SKIN_TONES}{_marks(range(0xAD, 0x10000))}]"
    f"|(?=[\U00010000-\U0001ffff\U000e0000-\U000e0fff])[{_marks((*range(0x10000, 0x20000), *range(0xE0000, 0xE1000)))}]"
)
_PIECE = re.compile(f"([{_AS_FOLDED}]+)(?!{_LATER})|((?s:.)(?:{_LATER}){{0,{_MOST_MARKS}}})")


def fold(text: str) -> str:
    """Return the text as search compares it: words, with spaces where other characters stood between them.

    Folded are compatibility forms (NFKC), case, and the accents of Latin, Greek and Cyrillic letters; invisible
    characters and skin tones are left out. A symbol, as an emoji, is a word of its own.
    """
    if text.isascii():
        return text.translate(_ASCII)
    return "".join([as_it_is or _fold_piece(piece) for as_it_is, piece in _PIECE.findall(text)])


@lru_cache(maxsize=16_384)
def _fold_piece(piece: str) -> str:
    plain = normalize("NFKC", _INVISIBLE.sub("", piece)).casefold()
    folded, keeps_marks = [], False
    for character in normalize("NFKD", plain):
        kind = category(character)
        if kind[0] in "LN":
            keeps_marks = kind[0] == "L" and not name(character, "").startswith(_WITHOUT_ACCENTS)
            folded.append(_fold_letter(character))
        elif kind[0] == "M":
            folded += [character] if keeps_marks else []
        elif kind != "Cf":
            keeps_marks = False
            folded.append(_fold_sign(character, kind))
    return normalize("NFC", "".join(folded))


def _fold_letter(letter: str) -> str:
    if letter in BLANKS:
        return ""
    return " " if letter == _APOSTROPHE else letter.translate(BASE_LETTERS)


def _fold_sign(sign: str, kind: str) -> str:
    if "\U0001f1e6" <= sign <= "\U0001f1ff":
        return sign
    is_word = kind in ("So", "Cn") and sign not in BLANKS  # Cn: an emoji of next year
    return f" {sign} " if is_word else " "


def split(folded: str) -> list[str]:
    """Return the words of a folded text, as it comes together; a run of a script without spaces counts as one."""
    return folded.split() if folded.isascii() else _WORD.findall(folded)


def is_run(word: str) -> bool:
    """Return whether a word is a run of characters of a script that is written without spaces."""
    return _IN_RUN.match(word) is not None


class Places:
    """The places of a text's words in the text as it was written."""

    def __init__(self, text: str) -> None:
        pieces = list(_pieces(text))
        self.words = list(_WORD.finditer("".join(folded for _, folded in pieces)))
        self.ends = list(accumulate(len(word[0]) + 1 for word in self.words))  # joined by spaces, each with its space
        self.folded_ends = list(accumulate(len(folded) for _, folded in pieces))
        units = (len(piece.encode("utf-16-le", "surrogatepass")) // 2 for piece, _ in pieces)
        self.offsets = [0, *accumulate(units)]

    def highlights(self, spans: Iterable[tuple[int, int]], most: int) -> list[tuple[int, int]]:
        """Return (offset, length) in UTF-16 units of the words in spans of the joined words: ascending, apart.

        `spans` (start, end) ascend and may overlap. Of a run only the characters in the span are covered. Those beyond
        the first `most` are left out.
        """
        places = (place for start, end in _united(spans) for place in self._places(start, end))
        return [(start, end - start) for start, end in islice(_united(places), most)]

    def _places(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield start and end in the written text of each word in a span."""
        at = bisect_right(self.ends, start)
        while at < len(self.words) and (here := self.ends[at - 1] if at else 0) < end:
            first, last = self.words[at].start(), self.words[at].end() - 1
            if is_run(self.words[at][0]):
                first, last = first + max(start - here, 0), min(first + end - here - 1, last)
            yield self.offsets[self._piece(first)], self.offsets[self._piece(last) + 1]
            at += 1

    def _piece(self, folded_at: int) -> int:
        return bisect_right(self.folded_ends, folded_at)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield each piece of a text as it is written, and folded."""
    for as_it_is, piece in _PIECE.findall(text):
        if as_it_is:
            yield from zip(as_it_is, as_it_is, strict=True)
        else:
            yield piece, _fold_piece(piece)


def _united(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield ascending spans, those that overlap as one."""
    held: tuple[int, int] | None = None
    for start, end in spans:
        if held and start < held[1]:
            held = held[0], max(end, held[1])
            continue
        if held:
            yield held
        held = start, end
    if held:
        yield held

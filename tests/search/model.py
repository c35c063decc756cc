"""Search as plainly as can be: the whole text folded at once, every place tried, nothing kept from one to the next."""

import re
from unicodedata import category, name, normalize

from chatapp.text import BASE_LETTERS, BLANKS

LATER_NAMES = (
    "HANGUL JUNGSEONG",
    "HANGUL JONGSEONG",
    "HALFWIDTH KATAKANA VOICED",
    "HALFWIDTH KATAKANA SEMI-VOICED",
    "THAI CHARACTER SARA AM",
    "LAO VOWEL SIGN AM",
)
RUNS = (
    "CJK UNIFIED",
    "HIRAGANA",
    "KATAKANA",
    "COMBINING KATAKANA",
    "IDEOGRAPHIC ITERATION",
    "HANGUL",
    "THAI CHARACTER",
)
INVISIBLE = "\u034f\ufe0e\ufe0f"


def is_skin_tone(character):
    return "EMOJI MODIFIER" in name(character, "")


def folded(text):
    """Return the text folded as a whole, without the cut into pieces."""
    seen = "".join(c for c in text if c not in INVISIBLE and not is_skin_tone(c))
    letters, base = [], ""
    for character in normalize("NFKD", normalize("NFKC", seen).casefold()):
        kind = category(character)
        if kind == "Cf":
            continue
        if kind[0] == "M":
            if base and category(base)[0] == "L" and not re.match("LATIN|GREEK|CYRILLIC", name(base, "")):
                letters.append(character)
            continue
        base = character
        if kind[0] in "LN":
            letter = BASE_LETTERS.get(ord(character), character)
            letters.append("" if character in BLANKS else " " if character == "\u02bc" else letter)
        elif "REGIONAL INDICATOR" in name(character, ""):
            letters.append(character)
        else:
            letters.append(f" {character} " if kind in ("So", "Cn") and character not in BLANKS else " ")
    return normalize("NFC", "".join(letters))


def kind_of(character):
    """Return the kind of word that a folded character is part of."""
    called = name(character, "")
    if "REGIONAL INDICATOR" in called:
        return "flag"
    return "run" if called.startswith(RUNS) else "word"


def words(text):
    """Return (kind, word, start in the folded text) of each word."""
    found = []
    for at, character in enumerate(folded(text)):
        kind = character != " " and kind_of(character)
        last_kind, last, start = found[-1] if found else ("", "", 0)
        follows = kind == last_kind and start + len(last) == at and not (kind == "flag" and len(last) == 2)
        if follows:
            found[-1] = kind, last + character, start
        elif kind:
            found.append((kind, character, at))
    return found


def terms(text):
    """Return the terms of a text, as a set."""
    found = set()
    for kind, word, _ in words(text):
        found |= {word[0], *(word[at : at + 2] for at in range(len(word) - 1))} if kind == "run" else {word[:64]}
    return found


def parts(q):
    """Return (words, whether the last may be a beginning) of each part of a query."""
    found = []
    for number, text in enumerate(q.split('"')):
        closed = number % 2 == 1 and number < q.count('"')
        for part in [text] if number % 2 else text.split():
            if part_words := [(kind, word) for kind, word, _ in words(part)]:
                found.append((part_words, closed))
    return [(part_words, not closed and number == len(found) - 1) for number, (part_words, closed) in enumerate(found)]


def places_of_word(wanted, has, is_first, is_last, is_open):
    """Yield (start, end) of where the word of a query is found in a word of a text."""
    (kind, word), (has_kind, has_word) = wanted, has
    if kind != has_kind:
        return
    if kind != "run":
        if has_word == word or (is_last and is_open and has_word.startswith(word)):
            yield 0, len(has_word)
        return
    for start in range(len(has_word) - len(word) + 1):
        at_start, at_end = start == 0, start + len(word) == len(has_word)
        fits = (at_start or is_first) and (at_end or is_last) and has_word[start : start + len(word)] == word
        if fits and (at_start or len(word) > 1 or not is_last):
            yield start, start + len(word)


def places_of_phrase(wanted, is_open, text_words):
    """Return (start, end) in the folded text of all that matches one part of a query."""
    found = []
    for at in range(len(text_words) - len(wanted) + 1):
        each = [
            [
                (text_words[at + n][2] + start, text_words[at + n][2] + end)
                for start, end in places_of_word(
                    wanted[n], text_words[at + n][:2], n == 0, n == len(wanted) - 1, is_open
                )
            ]
            for n in range(len(wanted))
        ]
        if all(each):
            found += [place for places in each for place in places]
    return found


def pieces(text):
    """Return (start, end) of each character with those that belong to it."""
    starts = [at for at, character in enumerate(text) if at == 0 or not is_later(character)]
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


def is_later(character):
    is_mark = category(character) in ("Mn", "Mc", "Me", "Cf") or is_skin_tone(character)
    return is_mark or name(character, "").startswith(LATER_NAMES)


def matches(q, text):
    """Return the UTF-16 units of the text that a query finds, as a set; None where it does not match."""
    text_words = words(text)
    each = [places_of_phrase(part_words, is_open, text_words) for part_words, is_open in parts(q)]
    if not all(each):
        return None
    covered = {at for places in each for start, end in places for at in range(start, end)}
    units = set()
    for start, end in pieces(text):
        before, after = len(folded(text[:start])), len(folded(text[:end]))
        if covered & set(range(before, after)):
            units |= set(range(len(utf16(text[:start])) // 2, len(utf16(text[:end])) // 2))
    return units


def utf16(text):
    return text.encode("utf-16-le", "surrogatepass")

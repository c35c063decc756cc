"""The terms of a text: what an index of messages keeps of it. Both stores use them, so both find the same."""

from itertools import pairwise

from chatapp.search.folding import fold, is_run, split

LONGEST_TERM = 64  # characters
MOST_TERMS = 10_000  # of one text: as many as MAX_TEXT_LENGTH has characters by default


def terms(text: str) -> list[str]:
    """Return the distinct terms of a text, in the order in which they appear first; none has a space or a quote.

    A word is a term: letters, digits and their marks, folded (`folding.fold`) and cut to its first 64 characters. So is
    a symbol, as an emoji, and the flag of a country. A run of characters of Han, Kana, Hangul, Thai, Lao, Burmese or
    Khmer has its first character as a term, then each two characters that follow each other: 東京都 has 東, 東京 and
    京都. Another script, a space or a punctuation mark ends the run. Beyond 10,000 terms the rest is left out.
    """
    found: dict[str, None] = {}
    for word in split(fold(text)):
        if is_run(word):
            found[word[0]] = None
            found.update(dict.fromkeys(pairs(word)))
        else:
            found[word[:LONGEST_TERM]] = None
    return list(found)[:MOST_TERMS]


def pairs(run: str) -> list[str]:
    """Return each two characters that follow each other."""
    return [first + second for first, second in pairwise(run)]

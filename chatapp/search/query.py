"""Queries: read from what a user types, and held against texts.

A query is split at white space, and a text matches when it has all parts, in any order. A part of several words
(`e-mail`, `3月`), and everything between quotes, is a phrase: its words have to follow each other. The last word may be
the beginning of a word, unless it is in a phrase whose quotes are closed. A run of a script without spaces is found
anywhere in a run, but a single character only at the beginning of one. Within a phrase, the run that begins it may be
the end of a run of the text, and the one that ends it the beginning.
"""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import starmap

from chatapp.search.analyser import LONGEST_TERM, pairs
from chatapp.search.folding import Places, fold, is_run, split

LONGEST_QUERY = 256  # characters
MOST_REQUIRED = 32  # terms that the index is asked for
MOST_HIGHLIGHTS = 100  # of a text
_QUOTES = re.compile('["\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02]')


@dataclass(frozen=True)
class Query:
    """A query. The index is asked for `required` and `prefix`, which may select too much; `matches` decides."""

    required: tuple[str, ...]  # index terms that every match has, 32 at most
    prefix: str | None  # every match has an index term that begins so
    phrases: tuple[str, ...] = field(repr=False)  # each stands in " the words of a match "

    def matches(self, text: str) -> list[tuple[int, int]] | None:
        """Return the places of what was found as (offset, length) in UTF-16 units, None when the text does not match.

        The places are ascending and do not overlap, 100 at most. They cover whole words, and of runs the characters
        searched for.
        """
        words = f" {' '.join(split(fold(text)))} "
        if not all(phrase in words for phrase in self.phrases):
            return None
        found = heapq.merge(*(_occurrences(phrase, words) for phrase in self.phrases))
        return Places(text).highlights(found, MOST_HIGHLIGHTS)


def parse(q: str) -> Query:
    """Return the query that a user has typed. Raises ValueError with a sentence for the user."""
    if len(q) > LONGEST_QUERY:
        raise ValueError(f"Longer than {LONGEST_QUERY} characters.")
    parts = list(_parts(q))
    if not parts:
        raise ValueError("Has no word to search for.")
    last, is_closed = parts[-1]
    is_open = not is_closed and not is_run(last[-1])
    phrases = [(words, False) for words, _ in parts[:-1]] + [(last, is_open)]
    required = dict.fromkeys(term for phrase in phrases for term in _required(*phrase))
    prefix = last[-1][:LONGEST_TERM] if is_open else None
    return Query(tuple(required)[:MOST_REQUIRED], prefix, tuple(dict.fromkeys(starmap(_phrase, phrases))))


def _parts(q: str) -> Iterator[tuple[list[str], bool]]:
    """Yield the words of each part of a query, and whether it is a phrase in closed quotes."""
    between_quotes = _QUOTES.split(q)
    for number, text in enumerate(between_quotes):
        is_quoted, is_closed = number % 2 == 1, number < len(between_quotes) - 1
        for part in [text] if is_quoted else text.split():
            if words := split(fold(part)):
                yield words, is_quoted and is_closed


def _phrase(words: list[str], is_open: bool) -> str:
    """Return what " the words of a match " has in it; the last word of an open phrase is the beginning of one."""
    first, last = words[0], words[-1]
    may_be_inside = is_run(first) and (len(words) > 1 or len(first) > 1)
    before = "" if may_be_inside else " "
    after = "" if is_open or is_run(last) else " "
    return f"{before}{' '.join(words)}{after}"


def _required(words: list[str], is_open: bool) -> Iterator[str]:
    for number, word in enumerate(words[:-1] if is_open else words):
        if not is_run(word):
            yield word[:LONGEST_TERM]
        elif len(word) > 1:
            yield from pairs(word)
        elif number > 0 or len(words) == 1:  # else it may be the end of a longer run
            yield word


def _occurrences(phrase: str, words: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a phrase in " the words ", counted from the first of them, without the spaces around it.

    Of occurrences that overlap, those are left out that others cover: a run of one character has very many.
    """
    before, length = phrase.startswith(" "), len(phrase.strip())
    at = words.find(phrase)
    while at >= 0:
        yield at + before - 1, at + before - 1 + length
        end = at + len(phrase)
        last = words.rfind(phrase, at + 1, end - 1 + len(phrase))
        at = last if last >= 0 else words.find(phrase, end)

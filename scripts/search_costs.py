"""The cost of search on the embedded store: its index filled with so many messages, then asked what people ask.

    python scripts/search_costs.py 1000000    some minutes, about a gigabyte of disk meanwhile

First texts that only do harm, as long as a message may be and longer; then the index. One reader sees all messages,
which is the most work: 200 conversations. Words are as frequent as in language (the n-th a share of 1/n), and every
tenth message is in Han. A search is what the server does beside reading the messages it shows: read the query, ask the
index for a page of 20 and some more, and hold the query against each.
"""

from gevent import monkey

monkey.patch_all()

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bson import ObjectId

import config
from chatapp import database, settings
from chatapp.search import analyser
from chatapp.search.query import parse
from chatapp.stores import search as search_store
from chatapp.stores.documents.search import SearchRow, Wanted

CONVERSATIONS, WORDS, HAN = 200, 50_000, 3_000
BATCH, SEARCHES, PAGE = 2_000, 100, 31
SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvz" for vowel in "aeiou"]
BEGINNING = datetime(2026, 1, 1)


def frequent(random: Random, most: int) -> int:
    """Return a number below `most`, the n-th with a share of 1/n."""
    return int((most + 1) ** random.random()) - 1


def word(number: int) -> str:
    """Return the n-th most frequent word; frequent ones are short."""
    letters = SYLLABLES[number % len(SYLLABLES)]
    while number := number // len(SYLLABLES):
        letters += SYLLABLES[number % len(SYLLABLES)]
    return letters


def text(number: int) -> str:
    """Return the text of the n-th message, the same each time."""
    random = Random(number)  # noqa: S311 - not for secrets
    if number % 10 == 0:
        return "".join(chr(0x4E00 + frequent(random, HAN)) for _ in range(random.randint(2, 20)))
    return " ".join(word(frequent(random, WORDS)) for _ in range(random.randint(1, 20))).capitalize() + "."


def conversation(number: int) -> ObjectId:
    """Return the id of the n-th conversation."""
    return ObjectId(f"{number % CONVERSATIONS + 1:024x}")


def row(number: int) -> SearchRow:
    """Return what the index keeps of the n-th message."""
    return {
        "_id": ObjectId(f"{number + 1:024x}"),
        "conversation_id": conversation(number),
        "seq": number // CONVERSATIONS + 1,
        "at": BEGINNING + number * timedelta(seconds=7),
        "kind": "text",
        "sender_id": ObjectId(f"{number % 7 + 1:024x}"),
        "terms": analyser.terms(text(number)),
    }


def hostile(length: int) -> Iterator[tuple[str, str, str]]:
    """Yield (name, text, query that finds much of it)."""
    random = Random(length)  # noqa: S311 - not for secrets
    yield "one letter again and again", "a " * (length // 2), "a"
    yield "phrases that overlap", "a " * (length // 2), f'"{"a " * 120}"'
    yield "words of one letter, 128 of them", "a b " * (length // 4), "a b " * 64
    yield "a run of one character", "あ" * length, "あ" * 200
    yield "marks on one letter", "e" + "\u0301\u0323" * (length // 2), "e"
    yield "signs that become 18 letters", "\ufdfa" * length, "\ufdfa"
    yield "different characters of Han", "".join(chr(random.randrange(0x4E00, 0xA000)) for _ in range(length)), "東京"
    yield "different characters", "".join(chr(random.randrange(0x80, 0xD800)) for _ in range(length)), "a"


def measure_hostile(length: int) -> None:
    """Print the milliseconds of CPU for the terms of hostile texts, and for a query held against each."""
    print(f"{f'{length:,} characters, milliseconds':44}{'terms':>8}{'matches':>8}")
    for name, text, q in hostile(length):
        query = parse(q)
        started = time.process_time()
        analyser.terms(text)
        between = time.process_time()
        query.matches(text)
        ended = time.process_time()
        print(f"{name:44}{(between - started) * 1e3:8.1f}{(ended - between) * 1e3:8.1f}")
    print()


def fill(messages: int, folder: Path) -> None:
    """Fill the index, and print what that costs."""
    analysing = storing = 0.0
    terms = 0
    for first in range(0, messages, BATCH):
        started = time.perf_counter()
        rows = [row(number) for number in range(first, min(first + BATCH, messages))]
        read = time.perf_counter()
        search_store.put(rows)
        analysing, storing = analysing + read - started, storing + time.perf_counter() - read
        terms += sum(len(each["terms"]) for each in rows)
    size = sum(path.stat().st_size for path in folder.rglob("search*"))
    print(f"{messages:,} messages in {CONVERSATIONS} conversations, {terms / messages:.1f} terms each")
    reading, putting = analysing / messages * 1e6, storing / messages * 1e6
    print(f"{reading:.0f} us to make a message and read it, {putting:.0f} us to store it")
    print(
        f"the index: {size / 1e6:.0f} MB, {size / messages:.0f} bytes a message, filled in {analysing + storing:.0f} s"
    )


def search(q: str, conversations: list[ObjectId]) -> int:
    """Search once; return how many messages of the first page match."""
    query = parse(q)
    found = search_store.find_page(Wanted(conversations, list(query.required), query.prefix), PAGE)
    return sum(query.matches(text(int(str(each["_id"]), 16) - 1)) is not None for each in found)


def queries(messages: int) -> Iterator[tuple[str, Callable[[Random], str]]]:
    """Yield (kind of query, a function that makes one)."""

    def some_text(random: Random, *, han: bool = False) -> str:
        while (number := random.randrange(messages)) % 10 == 0 or len(text(number).split()) < 3:
            pass
        return text(number - number % 10) if han else text(number).rstrip(".")

    yield "one of the 20 most frequent words", lambda random: f'"{word(random.randrange(20))}"'
    yield "one of the 10,000 least frequent words", lambda random: f'"{word(WORDS - 1 - random.randrange(10_000))}"'
    yield "two frequent words", lambda random: f'"{word(random.randrange(200))}" "{word(random.randrange(200))}"'
    yield (
        "two seldom words",
        lambda random: f'"{word(5_000 + random.randrange(20_000))}" "{word(random.randrange(20_000))}"',
    )
    yield "two words of a message", lambda random: " ".join(some_text(random).split()[:2])
    yield "three words, the last begun", lambda random: " ".join(some_text(random).split()[:3])[:-1]
    yield "a phrase of three words", lambda random: f'"{" ".join(some_text(random).split()[:3])}"'
    yield "one letter", lambda random: random.choice("bdfghjklmnprstvz")
    yield "three letters", lambda random: word(random.randrange(WORDS))[:3]
    yield "five letters", lambda random: word(WORDS - 1 - random.randrange(WORDS // 2))[:5]
    yield "one character of Han", lambda random: some_text(random, han=True)[0]
    yield "two characters of Han", lambda random: some_text(random, han=True)[:2]
    yield "six characters of Han", lambda random: some_text(random, han=True)[-6:]
    yield "a word that is nowhere", lambda random: f"x{word(random.randrange(WORDS))}"


def measure(messages: int) -> None:
    """Print the milliseconds of each kind of query, over all conversations and in one."""
    everywhere = [conversation(number) for number in range(CONVERSATIONS)]
    columns = f"{'p50':>8}{'p95':>8}{'most':>8}"
    print(f"\n{'milliseconds':44}{'everywhere':24}in one\n{'':44}{columns}{columns}  found")
    together: list[float] = []
    for kind, make in queries(messages):
        random = Random(kind)  # noqa: S311 - not for secrets
        asked = [make(random) for _ in range(SEARCHES)]
        spans, found = timed(asked, lambda _: everywhere)
        in_one, _ = timed(asked, lambda number: [conversation(number)])
        together += spans
        print(f"{kind:44}{figures(spans)}{figures(in_one)}  {found / SEARCHES:.1f}")
    print(f"{'all of them':44}{figures(together)}")


def timed(asked: Iterable[str], where: Callable[[int], list[ObjectId]]) -> tuple[list[float], int]:
    """Search for each; return the milliseconds of each, and how many messages were found in all."""
    spans, found = [], 0
    for number, q in enumerate(asked):
        started = time.perf_counter()
        found += search(q, where(number))
        spans.append((time.perf_counter() - started) * 1e3)
    return spans, found


def figures(spans: list[float]) -> str:
    """Return p50, p95 and the most."""
    cut = statistics.quantiles(spans, n=20)
    return "".join(f"{value:8.1f}" for value in (cut[9], cut[18], max(spans)))


def main() -> None:
    """Fill and measure, in a store that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("messages", type=int, nargs="?", default=100_000)
    messages = parser.parse_args().messages
    for length in (10_000, 200_000):
        measure_hostile(length)
    with tempfile.TemporaryDirectory() as folder:
        own = config.TestConfig(MONGO_URI=f"litemongo://{folder}/store", INSTANCE_DIR=folder)
        settings.use(own)
        database.start(own)
        try:
            fill(messages, Path(folder))
            measure(messages)
        finally:
            database.stop()


if __name__ == "__main__":
    main()

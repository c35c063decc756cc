"""Queries: what they ask the index for, and the places that they find in a text."""

import pytest

from chatapp.search.analyser import LONGEST_TERM
from chatapp.search.query import LONGEST_QUERY, MOST_HIGHLIGHTS, MOST_REQUIRED, parse


@pytest.mark.parametrize(
    ("q", "required", "prefix"),
    [
        ("Hello wor", ("hello",), "wor"),
        ("hello world ", ("hello",), "world"),
        ('"hello world"', ("hello", "world"), None),
        ('"hello wor', ("hello",), "wor"),
        ('say "hello world"', ("say", "hello", "world"), None),
        ('"hello world" ag', ("hello", "world"), "ag"),
        ("hello !", (), "hello"),
        ("東京都", ("東京", "京都"), None),
        ("東", ("東",), None),
        ("京abc", (), "abc"),
        ("3月", ("3", "月"), None),
        ("x" * 100, (), "x" * LONGEST_TERM),
    ],
)
def test_the_index_is_asked_for(q, required, prefix):
    query = parse(q)
    assert (query.required, query.prefix) == (required, prefix)


@pytest.mark.parametrize("q", ["", "   ", '""', "...", "\u0301", "a" * (LONGEST_QUERY + 1)])
def test_a_query_that_finds_nothing_is_refused(q):
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        parse(q)


def test_the_index_is_asked_for_a_bounded_number_of_terms():
    assert len(parse(" ".join(map(str, range(80)))).required) == MOST_REQUIRED


@pytest.mark.parametrize(
    ("q", "text", "places"),
    [
        ("caf", "I like Café!", ["Café"]),
        ("caf tea", "I like Café!", None),
        ("like caf", "Cafés I like", ["Cafés", "like"]),
        ("lik cafe", "Cafe I like", None),
        ('"foo bar"', "Foo, BAR! bar foo", ["Foo", "BAR"]),
        ('"foo bar"', "foo barn", None),
        ('"foo bar', "foo barn", ["foo", "barn"]),
        ("e-mail", "mail e, e mails", ["e", "mails"]),
        ("don't", "don’t", ["don", "t"]),
        ("東京", "大東京都", ["東京"]),
        ("京", "東京", None),
        ("京", "東京 京都", ["京"]),
        ("有iphone手", "我有iPhone手机", ["有", "iPhone", "手"]),
        ("ああ", "あああい", ["あああ"]),
        ("あ" * 20, "あ" * 1000, ["あ" * 1000]),
        ("あいあ", "あいあいあいあ、あい", ["あいあいあいあ"]),
        ("한국", "😀 한국어", ["한국"]),
        ("กน", "กิน", None),
        ("กิ", "กินกิน", ["กิ", "กิ"]),
        ("strasse", "😀😀 Straße", ["Straße"]),
        ("fin", "ﬁne", ["ﬁne"]),
        ("👍", "👍🏽 ok", ["👍🏽"]),
        ("👩\u200d💻", "👩 💻 and 👩\u200d💻", ["👩", "💻", "👩\u200d", "💻"]),
        ("🇩🇪", "🇫🇷🇩🇪", ["🇩🇪"]),
        ("🇫🇷", "🇩🇪🇫🇷", ["🇫🇷"]),
        ("kg", "5㎏", None),
        ("5kg", "5㎏", ["5㎏"]),
        ("1 2", "½!", ["½"]),
        ("x" * 100, "x" * 99, None),
        ("x" * 100, "x" * 101, ["x" * 101]),
    ],
)
def test_the_places_that_are_found(q, text, places):
    found = parse(q).matches(text)
    units = text.encode("utf-16-le")
    shown = found and [units[2 * offset : 2 * (offset + length)].decode("utf-16-le") for offset, length in found]
    assert shown == places


def test_a_text_has_a_bounded_number_of_places():
    assert parse("a").matches("a " * 1000) == [(2 * number, 1) for number in range(MOST_HIGHLIGHTS)]

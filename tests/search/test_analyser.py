"""The terms of texts, in the scripts of the world."""

import pytest

from chatapp.search.analyser import LONGEST_TERM, MOST_TERMS, terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  ,.;-!  ", []),
        ("Hello, hello WORLD", ["hello", "world"]),
        ("Café CAFE\u0301 ﬁne Straße Øre", ["cafe", "fine", "strasse", "ore"]),
        ("İstanbul ISTANBUL ırmak", ["istanbul", "irmak"]),
        ("Ὀδυσσεύς ΟΔΥΣΣΕΥΣ", ["οδυσσευσ"]),
        ("Ёлка йод", ["елка", "иод"]),
        ("東京都へ", ["東", "東京", "京都", "都へ"]),
        ("月", ["月"]),
        ("iPhone手机 3月", ["iphone", "手", "手机", "3", "月"]),
        ("ｶﾞｷﾞ が か\u3099", ["ガ", "ガギ", "が"]),
        ("한국 \u1112\u1161\u11ab", ["한", "한국"]),
        ("กิน", ["ก", "กิ", "ิน"]),
        ("हिन्दी", ["हिन्दी"]),
        ("don't o\u02bcclock snake_case e-mail", ["don", "t", "o", "clock", "snake", "case", "e", "mail"]),
        ("ok👍🏽 👩\u200d💻 ❤\ufe0f 1\ufe0f\u20e3", ["ok", "👍", "👩", "💻", "❤", "1"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("in\u00advis\u200dible", ["invisible"]),
        ("½ ㈱ ㎏ x²", ["1", "2", "株", "kg", "x2"]),
        ('"quoted" “words”', ["quoted", "words"]),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_the_terms_of_a_text(text, found):
    assert terms(text) == found


def test_a_long_word_is_cut():
    assert terms("x" * 1000) == ["x" * LONGEST_TERM]


def test_a_text_has_a_bounded_number_of_terms():
    text = " ".join(map(str, range(3 * MOST_TERMS)))
    assert terms(text) == [str(number) for number in range(MOST_TERMS)]

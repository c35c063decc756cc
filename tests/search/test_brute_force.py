"""The analyser and its queries against a model that tries everything, in six scripts and their mixtures."""

from unicodedata import normalize

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from chatapp.search.analyser import terms
from chatapp.search.folding import fold, split
from chatapp.search.query import parse
from tests.search import model

SCRIPTS = {
    "Latin": [*"aAeEéÉßsøØåÅﬁfiıİIłæÆnñ", "e\u0301", "a\u0308\u0323", "ẞ", "Ǆ", "ŉ"],
    "Greek": [*"αάΑσςΣΐιϊὈᾳ", "α\u0345", "ι\u0308\u0301"],
    "Cyrillic": [*"йиЙеёЁЕжЖ", "и\u0306", "е\u0308"],
    "Han and Kana": [*"東京都々あかがガー・ｶｷﾞﾟ㍿㌀㈱豈𠮷", "か\u3099", "ｶﾞ"],
    "Hangul": [*"한국하가학ㅋ", "\u1112\u1161\u11ab", "\u1112\u1161", "\u11a8", "\u1161"],
    "Thai": [*"กินำาเ๑่ๆ", "น้ำ", "กิ"],
}
OTHERS = [
    *"😀👍❤☺1２½²㎏™ﷺह_@#€",
    *("👍🏽", "👩\u200d💻", "❤\ufe0f", "1\ufe0f\u20e3", "🇩🇪", "🇫🇷", "🇩", "हि", "न्\u200dद"),
    *("\u0301", "\u0308", "\u0323", "\u034f", "\u00ad", "\u200b", "\u200d", "\ufe0f", "\u20e3", "\u3099"),
]
BETWEEN = [*"  .,-'’\n\t\u3000", "\u00a0", "\x00", "\ud800"]


def texts(letters, longest=24):
    return st.lists(st.sampled_from([*letters, *BETWEEN]), max_size=longest).map("".join)


any_text = st.one_of(
    *(texts(letters) for letters in SCRIPTS.values()),
    texts([letter for letters in SCRIPTS.values() for letter in letters] + OTHERS),
    texts(OTHERS),
)
wild_text = any_text | st.text(max_size=20)  # of all scripts, the model knows a few


@st.composite
def searches(draw, texts_searched=any_text):
    """Draw a query and a text; the query is often made of pieces of the text."""
    text = draw(texts_searched)
    piece = st.tuples(st.integers(0, max(len(text) - 1, 0)), st.integers(1, 6)).map(lambda cut: text[cut[0] : sum(cut)])
    part = piece | texts([*SCRIPTS["Latin"], *SCRIPTS["Han and Kana"]], 3)
    quoted = part.map(lambda words: f'"{words.replace(chr(34), "")}"')
    q = draw(st.lists(part | quoted | st.just('"'), min_size=1, max_size=3).map(" ".join))
    return q, text


def parsed(q):
    """Return the query, None when there is nothing to search for."""
    try:
        return parse(q)
    except ValueError:
        return None


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_text_is_folded_as_if_it_was_at_once(script):
    @settings(deadline=None)
    @given(texts([*SCRIPTS[script], *OTHERS]))
    def check(text):
        assert split(fold(text)) == [word for _, word, _ in model.words(text)]
        assert set(terms(text)) == model.terms(text)
        assert len(terms(text)) == len(set(terms(text)))

    check()


@settings(deadline=None)
@given(searches())
def test_a_query_finds_what_trying_everything_finds(search):
    q, text = search
    if (query := parsed(q)) is None:
        assert model.parts(q) == []
        return
    found, expected = query.matches(text), model.matches(q, text)
    event("found" if found else "not found")
    assert (found is None) == (expected is None)
    if found is not None:
        units = [unit for offset, length in found for unit in range(offset, offset + length)]
        assert units == sorted(set(units))  # ascending, not overlapping
        assert set(units) == expected


@settings(deadline=None)
@given(searches(wild_text))
def test_the_index_selects_what_matches(search):
    q, text = search
    if (query := parsed(q)) and query.matches(text) is not None:
        found = terms(text)
        assert set(query.required) <= set(found)
        assert query.prefix is None or any(term.startswith(query.prefix) for term in found)


@settings(deadline=None)
@given(wild_text)
def test_places_hold_whole_characters(text):
    query = parsed(text)
    for offset, length in (query and query.matches(text)) or []:
        units = model.utf16(text)[2 * offset : 2 * (offset + length)]
        assert terms(units.decode("utf-16-le", "surrogatepass"))  # half a character has none


@settings(deadline=None)
@given(wild_text)
def test_a_text_finds_itself(text):
    if query := parsed(text.replace('"', " ")):
        assert query.matches(text) is not None


@settings(deadline=None)
@given(any_text)
def test_equivalent_texts_have_the_same_terms(text):
    assert set(terms(normalize("NFC", text))) == set(terms(normalize("NFD", text))) == set(terms(text))

"""Messages are found by what they say: by those who may see them, as they are now, over both transports."""

from datetime import timedelta

import pytest

from chatapp import clock
from chatapp.services.search import finding
from chatapp.state import reset_caches
from tests.services.acting import code_of


def test_messages_are_found_by_words_beginnings_and_phrases(acts, ann, bob, chat):
    for text in ("The Café closes at nine", "A cat at nine", "nine lives", "unrelated"):
        ann.send(chat, text)
    assert acts.found(bob, "nine") == ["nine lives", "A cat at nine", "The Café closes at nine"]
    assert acts.found(bob, "cafe") == acts.found(bob, "CAFÉ closes") == ["The Café closes at nine"]
    assert acts.found(bob, "nine ca") == ["A cat at nine", "The Café closes at nine"]
    assert acts.found(bob, '"at nine"') == ["A cat at nine", "The Café closes at nine"]
    assert acts.found(bob, '"nine at"') == acts.found(bob, "nines") == []


def test_writing_without_spaces_is_found_too(acts, ann, bob, chat):
    for text in ("東京都に行く", "京都に行く", "สวัสดีครับ"):
        ann.send(chat, text)
    assert acts.found(bob, "京都") == ["京都に行く", "東京都に行く"]
    assert acts.found(bob, "東") == ["東京都に行く"]
    assert acts.found(bob, "สวัส") == ["สวัสดีครับ"]


def test_the_answer_shows_messages_as_elsewhere_and_where_they_match(acts, ann, bob, chat):
    first = ann.send(chat, "one")["data"]["id"]
    sent = ann.send(chat, "😀 Nine and ninety", replyTo=first)["data"]["id"]
    acts.react(bob, sent, "👍")
    (row,) = acts.search(bob, "ni")["data"]
    assert row["highlights"] == [[3, 4], [12, 6]]
    assert row["message"] == bob.get(f"/api/conversations/{chat}/messages")["data"][0]
    assert (row["message"]["replyTo"]["preview"], row["message"]["reactions"][0]["count"]) == ("one", 1)


def test_pages_follow_each_other_over_all_conversations_newest_first(acts, ann, bob, eve, chat):
    team = ann.group(bob, eve)
    wanted = []
    for number in range(7):
        where = (chat, team)[number % 2]
        wanted.insert(0, ann.send(where, f"word {number}")["data"]["content"])
    found, following = [], {}
    while True:
        page = acts.search(bob, "word", limit=3, **following)
        found += [row["message"]["content"] for row in page["data"]]
        assert page["pagination"]["limit"] == 3
        if not page["pagination"]["hasMore"]:
            break
        following = {"next": page["pagination"]["next"]}
    assert found == wanted and page["pagination"]["next"] is None
    assert acts.found(eve, "word") == ["word 5", "word 3", "word 1"]


def test_messages_of_one_moment_are_neither_lost_nor_doubled_between_pages(acts, ann, bob, eve, chat, monkeypatch):
    moment, team = clock.now(), ann.group(bob, eve)
    monkeypatch.setattr(clock, "now", lambda: moment + timedelta(minutes=1))
    sent = {ann.send(where, f"word {number}")["data"]["id"] for number in range(3) for where in (chat, team)}
    found, following = [], {}
    for _ in range(3):
        page = acts.search(bob, "word", limit=2, **following)
        found += [row["message"]["id"] for row in page["data"]]
        following = {"next": page["pagination"]["next"]}
    assert set(found) == sent and found == sorted(found, reverse=True)


def test_a_search_may_be_narrowed(acts, ann, bob, eve, chat):
    team = ann.group(bob, eve)
    ann.send(chat, "word one")
    second = bob.send(team, "word two", attachment="https://a.example/b.png")["data"]
    ann.send(team, "word three")
    assert acts.found(bob, "word", **{"in": chat}) == ["word one"]
    assert acts.found(bob, "word", **{"from": bob.id}) == ["word two"]
    assert acts.found(bob, "word", kind="image") == ["word two"]
    assert acts.found(bob, "word", kind="text") == ["word three", "word one"]
    assert "word two" not in acts.found(bob, "word", before=second["createdAt"])
    assert "word two" not in acts.found(bob, "word", after=second["createdAt"])
    assert acts.found(bob, "word", before="2020-01-01T00:00:00.000Z") == []
    assert len(acts.found(bob, "word", after="2020-01-01T00:00:00.000Z")) == 3


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"in": "f" * 24}, "CONVERSATION_NOT_FOUND"),
        ({"in": "x"}, "CONVERSATION_NOT_FOUND"),
        ({"from": "x"}, "VALIDATION_ERROR"),
        ({"next": "x"}, "VALIDATION_ERROR"),
        ({"kind": "song"}, "VALIDATION_ERROR"),
        ({"before": "soon"}, "VALIDATION_ERROR"),
        ({"limit": 101}, "VALIDATION_ERROR"),
        ({"limit": 0}, "VALIDATION_ERROR"),
    ],
)
def test_a_wrong_search_is_refused(acts, ann, wanted, code):
    assert code_of(acts.search(ann, "word", **wanted)) == code


@pytest.mark.parametrize("text", ["", " ", "…!", "x" * 257])
def test_a_search_has_a_word(acts, ann, text):
    assert code_of(acts.search(ann, text)) == "VALIDATION_ERROR"


def test_searches_are_limited(acts, ann, settings):
    settings(RATE_SEARCHES="1 per minute")
    assert [code_of(acts.search(ann, "word")) for _ in range(2)] == ["OK", "RATE_LIMITED"]


def test_an_edited_message_is_found_by_what_it_says_now(acts, ann, bob, chat):
    sent = ann.send(chat, "before")["data"]["id"]
    assert acts.found(bob, "before") == ["before"]
    acts.edit(ann, sent, "afterwards")
    assert acts.found(bob, "before") == []
    assert acts.found(bob, "after") == ["afterwards"]


def test_what_is_deleted_or_hidden_is_not_found(acts, ann, bob, chat):
    sent = [ann.send(chat, f"word {number}")["data"]["id"] for number in range(3)]
    assert len(acts.found(bob, "word")) == 3
    acts.delete(ann, sent[0])
    acts.hide(bob, sent[1])
    assert acts.found(bob, "word") == ["word 2"]
    assert acts.found(ann, "word") == ["word 2", "word 1"]
    bob.rest("DELETE", f"/api/conversations/{chat}")
    assert acts.found(bob, "word") == []
    ann.send(chat, "word 3")
    assert acts.found(bob, "word") == ["word 3"]


def test_a_stranger_finds_nothing_and_a_later_member_what_they_may_see(acts, ann, bob, eve, register):
    dan = register("dan")
    team = ann.group(bob, register("pat"), history="since_join")
    ann.send(team, "word one")
    assert acts.found(eve, "word") == []
    assert code_of(acts.search(eve, "word", **{"in": team})) == "CONVERSATION_NOT_FOUND"
    ann.post(f"/api/conversations/{team}/members", {"userIds": [eve.id, dan.id]})
    ann.send(team, "word two")
    assert acts.found(eve, "word") == ["word two"]
    assert acts.found(bob, "word") == ["word two", "word one"]


def test_a_former_member_finds_what_they_saw_as_they_saw_it(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    first, second = (ann.send(team, text)["data"]["id"] for text in ("word one", "word two"))
    acts.edit(ann, first, "word once")
    bob.post(f"/api/conversations/{team}/leave")
    acts.edit(ann, first, "another phrase")
    acts.delete(ann, second)
    ann.send(team, "word three")
    for _ in range(2):
        assert acts.found(bob, "word") == acts.found(bob, "once") == ["word once"]
        assert acts.found(bob, "phrase") == []
        assert acts.found(eve, "phrase") == ["another phrase"]
        reset_caches()


def test_a_page_is_filled_past_what_is_not_for_the_caller(acts, ann, bob, chat, monkeypatch):
    monkeypatch.setattr(finding, "_SPARE", 0)
    sent = [ann.send(chat, f"word {number}")["data"]["id"] for number in range(9)]
    for message in sent[3:8]:
        acts.hide(bob, message)
    page = acts.search(bob, "word", limit=2)
    assert [row["message"]["content"] for row in page["data"]] == ["word 8", "word 2"]
    assert acts.found(bob, "word", limit=2, next=page["pagination"]["next"]) == ["word 1", "word 0"]
    monkeypatch.setattr(finding, "_MOST_SEEN", 3)
    page = acts.search(bob, "word", limit=2)
    assert [row["message"]["content"] for row in page["data"]] == ["word 8"] and page["pagination"]["hasMore"]
    assert acts.found(bob, "word", limit=2, next=page["pagination"]["next"]) == []

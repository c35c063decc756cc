"""Ids that people see: sorted by age, and none tells of its neighbours."""

from bson import ObjectId

from chatapp.ids import new_id
from chatapp.services import conversation_ids


def test_neighbours_share_nothing_but_their_time():
    ids = [new_id() for _ in range(1_000)]
    assert len({row.binary[6:] for row in ids}) == 1_000
    assert [row.binary[:6] for row in ids] == sorted(row.binary[:6] for row in ids)
    assert abs((ids[0].generation_time - ObjectId().generation_time).total_seconds()) < 60


def test_whatever_people_see_has_such_an_id(ann, bob, eve):
    direct, group = ann.direct(bob), ann.group(bob, eve)
    sent = [ann.send(group, str(number))["data"]["id"] for number in range(2)]
    sessions = [person.get("/api/auth/sessions")["data"][0]["id"] for person in (ann, bob)]
    seen = [ann.id, bob.id, eve.id, direct, group, *sent, *sessions]
    by_the_driver = ObjectId().binary[4:9]  # the same for all that one process makes
    assert not [row for row in seen if ObjectId(row).binary[4:9] == by_the_driver]
    assert len({ObjectId(row).binary[6:11] for row in seen}) == len(seen)


def test_the_id_of_a_direct_conversation_takes_the_key_of_the_database_to_compute(ann, bob, monkeypatch):
    direct = ann.direct(bob)
    key = conversation_ids.key_of_direct(ObjectId(bob.id), ObjectId(ann.id))
    assert str(conversation_ids.made_of(key)) == direct
    monkeypatch.setattr(conversation_ids._Known, "key", b"of another database")
    assert str(conversation_ids.made_of(key)) != direct


def test_an_unknown_and_a_foreign_conversation_look_the_same(ann, bob, eve):
    foreign, unknown = ann.direct(bob), str(new_id())
    for path in ("", "/messages", "/entries", "/members", "/proof"):
        answers = [eve.get(f"/api/conversations/{row}{path}") for row in (foreign, unknown)]
        assert [answer["error"] | {"requestId": ""} for answer in answers] == [
            answers[0]["error"] | {"requestId": ""}
        ] * 2

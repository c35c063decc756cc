"""A conversation's long lists: packed on the embedded store, lists in a database, and read alike."""

import importlib

import pytest
from bson import ObjectId

from chatapp.database import db, is_embedded
from chatapp.stores import conversations as conversation_store
from chatapp.stores.packed import unpack


@pytest.fixture
def team(ann, bob, eve):
    """The id of a group."""
    return ObjectId(ann.group(bob, eve))


def stored(team):
    """The group's document as it is in the store."""
    return db().conversations.find_one({"_id": team})


def as_it_was(team):
    """Store the group as an earlier version has stored it."""
    lists = {name: unpack(stored(team))[name] for name in ("founders", "participants")}
    db().conversations.update_one({"_id": team}, {"$set": lists})


def test_the_embedded_store_keeps_no_list_that_grows_with_the_members(team, ann, bob):
    ann.rest("DELETE", f"/api/conversations/{team}/members/{bob.id}")
    lists = {name for name, value in stored(team).items() if isinstance(value, list)}
    lists -= {"deleted", "pins", "mentioned"}  # which grow with messages, and have an end
    assert lists == (set() if is_embedded() else {"founders", "participants"})


@pytest.mark.parametrize("form", ["new", "old"])
def test_founders_and_participants_are_read_as_they_were_given(form, team, ann, bob, eve):
    if form == "old":
        as_it_was(team)
    people = {ObjectId(person.id) for person in (ann, bob, eve)}
    (found,) = conversation_store.find_many([team])
    assert set(found["participants"]) == {row["user_id"] for row in found["founders"]} == people
    assert conversation_store.find_partner_ids(ObjectId(ann.id)) == people - {ObjectId(ann.id)}
    assert conversation_store.find_partners_among(ObjectId(ann.id), [ObjectId(eve.id), ObjectId()]) == {
        ObjectId(eve.id)
    }


def test_a_store_of_an_earlier_version_is_packed(team):
    before = stored(team)
    as_it_was(team)
    for _ in range(2):
        importlib.import_module("migrations_seed.0006_packed_lists").up(db())
    assert stored(team) == before

"""The hash chain: every entry stands on the one before, and clients can compare."""

import hashlib

import pytest

from chatapp.database import db
from chatapp.services.log import hash_chain


@pytest.fixture(params=["rest", "socket"])
def proof(request):
    def over_rest(person, conversation, **query):
        return person.get(f"/api/conversations/{conversation}/proof", query_string=query)

    def over_socket(person, conversation, **query):
        return person.socket().call("getProof", {"conversationId": conversation, **query})

    return over_rest if request.param == "rest" else over_socket


def test_a_client_compares_its_own_state(proof, ann, bob):
    chat = ann.direct(bob)
    sent = [ann.send(chat, str(number))["data"] for number in range(3)]
    for entry in sent:
        found = proof(bob, chat, at=entry["seq"])["data"]
        assert (found["seq"], found["count"]) == (entry["seq"], entry["seq"])
        assert found["hash"].startswith(entry["hash"]) and len(found["hash"]) == 64
    head = proof(bob, chat)["data"]
    assert (head["head"]["seq"], head["head"]["hash"]) == (3, sent[-1]["hash"])
    assert proof(bob, chat, at=10**9)["data"]["seq"] == 3
    assert proof(bob, chat, at=0)["data"]["hash"] == hashlib.sha256(f"chatapp conversation {chat}".encode()).hexdigest()


def test_a_former_members_proof_ends_where_they_left(proof, ann, bob, eve):
    team = ann.group(bob, eve)
    ann.send(team, "one")
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    ann.send(team, "two")
    assert proof(eve, team)["data"]["head"]["seq"] == 2 and proof(eve, team, at=3)["data"]["seq"] == 2


def test_the_chain_is_as_the_protocol_says(ann, bob, eve):
    team = ann.group(bob, eve)
    ann.send(team, "one 🙂")
    ann.rest("PATCH", f"/api/conversations/{team}", json={"name": "New"})
    previous = hashlib.sha256(f"chatapp conversation {team}".encode()).hexdigest()
    for entry in db().entries.find().sort("seq", 1):
        assert entry["body_hash"] == hash_chain.body_hash(entry["salt"], entry["body"])
        assert entry["hash"] == hash_chain.entry_hash(entry, previous)
        previous = entry["hash"]
    (first, _) = db().entries.find().sort("seq", 1)
    canonical = '{"attachment":null,"content":"one 🙂"}'
    assert first["body_hash"] == hashlib.sha256((first["salt"] + canonical).encode()).hexdigest()

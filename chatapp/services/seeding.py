"""Demo data, made by calling services, so that it goes through the log. Adds what is missing, changes nothing."""

import random
from collections.abc import Callable, Iterable

from bson import ObjectId

from chatapp.services import conversations, founding, messages
from chatapp.services.accounts import auth, passwords, profiles
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores import users as user_store
from migrations_seed import demo

Progress = Callable[[Iterable[int], str], Iterable[int]]


def demo_data() -> dict[str, int]:
    """Add the four demo users, their conversations and history; return how many of each were added."""
    counts = {"users": 0, "conversations": 0, "messages": 0}
    people: dict[str, ObjectId] = {}
    for name, email in demo.USERS:
        people[name], added = _user(email, name, demo.PASSWORD)
        counts["users"] += added
    for index, (kind, title, members, lines) in enumerate(demo.CONVERSATIONS):
        ids = [people[name] for name in members]
        made = _conversation_with(people[lines[0][0]], f"demo-{index}-0")  # even if it was renamed
        conversation_id, is_new = (made, False) if made else _conversation(kind, title, ids)
        counts["conversations"] += is_new
        for number, (sender, text) in enumerate(lines):
            answer = messages.send(people[sender], conversation_id, text, client_msg_id=f"demo-{index}-{number}")
            counts["messages"] += not answer.get("duplicate")
    return counts


def demo_users() -> list[dict[str, str]]:
    """Return the demo users that are there, with their password: in development, and nowhere else."""
    if config().APP_ENV != "development":
        return []
    return [
        {"name": name, "email": email, "password": demo.PASSWORD}
        for name, email in demo.USERS
        if profiles.with_address(email)
    ]


def _user(email: str, name: str, password: str, password_hash: str | None = None) -> tuple[ObjectId, bool]:
    """Return the user with this e-mail, and whether they were added now."""
    known = profiles.with_address(email)
    if known is not None:
        return known["_id"], False
    user = auth.new_user(email, name, None, password_hash or passwords.hash_password(password))
    if user_store.insert(user):
        return user["_id"], True
    return _user(email, name, password, password_hash)


def _conversation_with(sender: ObjectId, client_msg_id: str) -> str | None:
    """Return the sender's conversation that has this message of theirs."""
    found = (entry_store.find_by_client_msg_id(row, sender, client_msg_id) for row in conversations.ids_for(sender))
    return next((str(entry["conversation_id"]) for entry in found if entry is not None), None)


def _conversation(kind: str, title: str | None, members: list[ObjectId]) -> tuple[str, bool]:
    """Return the direct conversation of two, or the first one's group of this name; and whether it was added now."""
    if kind == founding.GROUP:
        for row in conversations.list_for(members[0], limit=conversations.LARGEST_PAGE)["data"]:
            if row["type"] == kind and row["name"] == title:
                return str(row["id"]), False
    answer, is_new = founding.create(members[0], kind, [str(row) for row in members[1:]], title)
    return str(answer["data"]["id"]), is_new


def many(user_count: int, message_count: int, progress: Progress) -> dict[str, int]:
    """Add `user_count` users who know each other in pairs, and `message_count` messages between them.

    The same numbers make the same data; what is there stays.
    """
    counts = {"users": 0, "conversations": 0, "messages": 0}
    password_hash = passwords.hash_password(demo.PASSWORD)
    people = []
    for number in progress(range(user_count), "users"):
        name = f"{demo.FIRST_NAMES[number % len(demo.FIRST_NAMES)]} {number}"
        user_id, added = _user(f"user{number}@example.com", name, demo.PASSWORD, password_hash)
        people.append(user_id)
        counts["users"] += added
    if user_count < 2:
        return counts
    chance = random.Random(user_count)  # noqa: S311 - repeatable on purpose
    pairs: dict[tuple[int, int], str] = {}
    for number in progress(range(message_count), "messages"):
        one, other = sorted(chance.sample(range(user_count), 2))
        if (one, other) not in pairs:
            pairs[one, other], is_new = _conversation(founding.DIRECT, None, [people[one], people[other]])
            counts["conversations"] += is_new
        sender = people[chance.choice((one, other))]
        text = demo.PHRASES[number % len(demo.PHRASES)]
        answer = messages.send(
            sender, pairs[one, other], f"{text} ({number})", client_msg_id=f"seed-{user_count}-{number}"
        )
        counts["messages"] += not answer.get("duplicate")
    return counts

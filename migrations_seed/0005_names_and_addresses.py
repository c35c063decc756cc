"""The keys by which names are searched and e-mail addresses compared, and their indexes."""

from itertools import islice
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database

from chatapp import emails, text

_STEP = 1_000


def up(db: Database[dict[str, Any]]) -> None:
    """Add the keys of every user; harmless when run again.

    Where two accounts have one address in two spellings, it is the one's whose is spelled as it is compared, or the
    older one's; the other is found by its own spelling, as before.
    """
    db.users.create_index([("name_keys", 1)], name="by_words")
    db.users.create_index([("email_key", 1)], unique=True, sparse=True, name="email_key")
    rows = [
        (row["email"] != key, row["_id"], key, row.get("email_key"), row["name"])
        for row in db.users.find({}, {"email": 1, "email_key": 1, "name": 1})
        if (key := emails.key(row["email"]))
    ]
    taken = {stored for _, _, _, stored, _ in rows if stored}
    changes = iter(sorted(rows))
    while step := list(islice(changes, _STEP)):
        db.users.bulk_write([_change(*row, taken) for row in step], ordered=False)


def _change(_: bool, user_id: Any, key: str, stored: str | None, name: str, taken: set[str]) -> UpdateOne:
    keys: dict[str, Any] = {"name_key": text.sort_key(name), "name_keys": text.search_keys(name)}
    if stored is None and key not in taken:
        taken.add(key)
        keys["email_key"] = key
    return UpdateOne({"_id": user_id}, {"$set": keys})

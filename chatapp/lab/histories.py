"""Everything that the checker compares, fetched at the end of a run."""

import random

import gevent.pool

from chatapp.lab.links import Refused
from chatapp.lab.people import People
from chatapp.lab.replica import Known, Replica
from chatapp.lab.verdict import Histories


def fetch_histories(people: People) -> Histories:
    """Return everything that the checker compares, from the API."""
    found, tokens = Histories(passing=set(people.guests), refusals=people.refusals), dict(people.users)
    for device in people.devices:
        device.pause()
    found.told = {user: _sync_from_the_start(people, user, token) for user, token in people.users}
    pool = gevent.pool.Pool(4)
    wanted = [
        (conversation, user)
        for conversation, members in people.members.items()
        for user in (*members, *(people.guests if len(members) > 2 else []))
    ]
    for conversation, user in wanted:
        pool.spawn(_fetch_log, people, found, conversation, user, tokens[user])
    pool.join(raise_error=True)
    for user, token in people.users:
        for row in people.call(token, "GET", "/api/user/conversations?limit=1000")["data"]:
            found.unread[row["id"], user] = row["unreadCount"]
    for number, device in enumerate(people.devices):
        found.known[device.user_id, f"{device.kind} device {number}"] = device.replica.known()
        for conversation, log in device.replica.logs.items():
            if (conversation, device.user_id) in found.logs:
                shown = [entry["id"] for entry in log.messages()]
                key = conversation, device.user_id, f"{device.kind} device {number}"
                found.shown[key], found.texts[key] = shown, log.texts()
                found.reactions[key], found.quotes[key] = log.reactions_now(), log.quoted()
                found.pins[key] = log.pinned_now()
    return found


def _sync_from_the_start(people: People, user: str, token: str) -> Known:
    """Return what a new device of the user is told."""
    replica = Replica(user_id=user)
    while replica.synced(people.call(token, "POST", "/api/sync", replica.body())["data"]):
        pass
    return replica.known()


def _fetch_log(people: People, found: Histories, conversation: str, user: str, token: str) -> None:
    path, after, log = f"/api/conversations/{conversation}", 0, []
    chance = random.Random(f"{people.plan.seed}-{conversation}-{user}")  # noqa: S311 - repeatable on purpose
    while True:
        try:
            page = people.call(token, "GET", f"{path}/entries?after={after}&limit=500")
        except Refused:  # a guest who was never in it
            return
        log += page["data"]
        if not page["meta"]["hasMore"]:
            break
        after = log[-1]["seq"]
    found.logs[conversation, user] = log
    if log and user not in people.guests:
        pins = people.call(token, "GET", f"{path}/pins")["data"]
        found.pin_lists[conversation, user] = {row["seq"] for row in pins}
        try:
            answer = people.call(token, "POST", f"{path}/read", {"seq": chance.randint(0, log[-1]["seq"])})
        except Refused as refusal:
            found.refusals.append(f"{path}/read: {refusal}")
        else:
            found.read[conversation, user] = answer["data"]["readSeq"]

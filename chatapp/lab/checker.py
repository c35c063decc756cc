"""Was the promise kept? Judges a run by what the clients logged and by what the server's API gives back at the end.

A send that was acknowledged is in every member's history exactly once; one without an answer at most once; nothing
is there that nobody sent. All members have one order without a hole, and in it each sender's messages stand in the
order in which they were sent. What each device showed is that history. Unread is what counting gives. What a device
knows beside the log (marks, names, roles …), having heard of changes only, is what one without a past is told.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chatapp.lab.records import Records, Send

Entry = dict[str, Any]
Known = dict[str, dict[str, Any]]  # conversation → what a client knows of it beside its entries


@dataclass
class Histories:
    """What the server gives at the end: a conversation's log as each member sees it, and the unread counts."""

    logs: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)  # (conversation, user) → entries, ascending
    passing: set[str] = field(default_factory=set)  # users who were members for some of the time only
    shown: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)  # (conversation, user, device) → ids
    unread: dict[tuple[str, str], int] = field(default_factory=dict)
    read: dict[tuple[str, str], int] = field(default_factory=dict)  # the last acknowledged read mark
    known: dict[tuple[str, str], Known] = field(default_factory=dict)  # (user, device) → what it has put together
    told: dict[str, Known] = field(default_factory=dict)  # user → the same, as a sync from the start gives it
    refusals: list[str] = field(default_factory=list)  # calls that should have worked, with no fault about


@dataclass
class Verdict:
    """What was found. Every list but `unknown` has to be empty."""

    sends: int = 0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    repeats: int = 0
    deliveries: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    alien: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)  # marks, names, roles … of which a device never heard
    store: list[str] = field(default_factory=list)  # what `flask verify` says, and calls that failed in peace
    tracebacks: list[str] = field(default_factory=list)  # that the server printed, because nobody caught an exception

    @property
    def breaches(self) -> int:
        """How many promises were broken."""
        kinds = (self.lost, self.doubled, self.reordered, self.alien, self.holes, self.unread, self.stale, self.store)
        return sum(map(len, (*kinds, self.tracebacks)))


def judge(records: Records, histories: Histories) -> Verdict:
    """The verdict of a run."""
    verdict = Verdict(
        sends=len(records.sends),
        repeats=sum(max(0, row.attempts - 1) for row in records.sends),
        deliveries=records.deliveries,
        faults=records.faults,
    )
    outcomes = Counter(row.outcome for row in records.sends)
    verdict.ok, verdict.failed, verdict.unknown = outcomes["ok"], outcomes["failed"], outcomes["unknown"]
    verdict.reordered += records.live_breaches
    verdict.doubled += records.replica_breaches
    verdict.store += histories.refusals
    by_conversation: dict[str, list[Send]] = {}
    for row in records.sends:
        by_conversation.setdefault(row.conversation, []).append(row)
    longest = _longest(histories)
    for (conversation, user), log in histories.logs.items():
        where, sends = f"{conversation} as {user} sees it", by_conversation.get(conversation, [])
        first, last = (log[0]["seq"], log[-1]["seq"]) if log else (1, 0)
        if user in histories.passing:
            sends = [row for row in sends if row.seq is None or first <= row.seq <= last]
        elif first != 1:
            verdict.holes.append(f"{where}: begins at {first}")
        _judge_log(verdict, where, log, sends)
        _judge_against(verdict, where, log, longest.get(conversation, []))
        _judge_unread(verdict, histories, conversation, user, log)
    for (conversation, user, device), shown in histories.shown.items():
        _judge_shown(verdict, f"{conversation} on {user}'s {device}", shown, histories.logs[conversation, user])
    for (user, device), known in histories.known.items():
        _judge_known(verdict, f"{user}'s {device}", known, histories.told[user])
    return verdict


def _longest(histories: Histories) -> dict[str, list[Entry]]:
    """The fullest log of each conversation: that of somebody who was a member all the time."""
    found: dict[str, list[Entry]] = {}
    for (conversation, _), log in histories.logs.items():
        if len(log) > len(found.get(conversation, [])):
            found[conversation] = log
    return found


def _judge_log(verdict: Verdict, where: str, log: list[Entry], sends: list[Send]) -> None:
    """One member's log against what was sent while they were a member."""
    seqs = [entry["seq"] for entry in log]
    if seqs != list(range(seqs[0], seqs[0] + len(seqs)) if seqs else []):
        verdict.holes.append(f"{where}: the seqs are not {seqs[0]} … {seqs[-1]}")
    messages = [entry for entry in log if entry["type"] == "message"]
    times = Counter(map(_sent_as, messages))
    sent = {row.client_msg_id: row for row in sends}
    verdict.doubled += [f"{where}: {key} is there {number} times" for key, number in times.items() if number > 1]
    verdict.alien += [f"{where}: nobody sent {key}" for key in times.keys() - sent.keys()]
    for row in sends:
        if row.outcome == "failed" and times[row.client_msg_id]:
            verdict.alien.append(f"{where}: {row.client_msg_id} was refused, and is there")
        if row.outcome == "ok" and not times[row.client_msg_id]:
            verdict.lost.append(f"{where}: {row.client_msg_id}, acknowledged as seq {row.seq}")
    _judge_order(verdict, where, messages, sent)


def _sent_as(message: Entry) -> str:
    """Which send this message comes from: devices write that into the text, which no server touches."""
    return str(message["content"].rpartition(" ")[2])


def _judge_order(verdict: Verdict, where: str, messages: list[Entry], sent: dict[str, Send]) -> None:
    """Each sender's own messages stand in the order in which they were sent, and are where their acks said."""
    newest: dict[str, int] = {}
    for entry in messages:
        row = sent.get(_sent_as(entry))
        if row is None or row.outcome != "ok":
            continue
        if row.number < newest.get(row.sender, 0):
            verdict.reordered.append(f"{where}: {row.sender}'s {row.number} after {newest[row.sender]}")
        newest[row.sender] = row.number
        if (row.seq, row.message_id) != (entry["seq"], entry["id"]):
            verdict.reordered.append(
                f"{where}: {row.client_msg_id} was acknowledged as seq {row.seq}, is {entry['seq']}"
            )


def _judge_against(verdict: Verdict, where: str, log: list[Entry], longest: list[Entry]) -> None:
    """All members have the same entries at the same places."""
    if log is longest or not log:
        return
    start = log[0]["seq"] - longest[0]["seq"]
    same = longest[start : start + len(log)]
    if [entry["id"] for entry in same] != [entry["id"] for entry in log]:
        verdict.reordered.append(f"{where}: differs from the others'")


def _judge_unread(verdict: Verdict, histories: Histories, conversation: str, user: str, log: list[Entry]) -> None:
    found = histories.unread.get((conversation, user))
    if found is None:
        return
    own = [entry["seq"] for entry in log if entry["type"] == "message" and entry["sender"]["id"] == user]
    added = [entry["seq"] for entry in log if entry["type"] == "member_added" and _adds(entry, user)]
    read = max([histories.read.get((conversation, user), 0), *own, *added])
    wanted = sum(entry["type"] == "message" and entry["seq"] > read for entry in log)
    if found != wanted:
        verdict.unread.append(f"{conversation}: {user} has {wanted} unread, told were {found}")


def _adds(entry: Entry, user: str) -> bool:
    return any(row["id"] == user for row in entry["change"]["members"])


def _judge_shown(verdict: Verdict, where: str, shown: list[str], log: list[Entry]) -> None:
    """What a device has is the history, each message once and in its order."""
    wanted = [entry["id"] for entry in log if entry["type"] == "message"]
    if shown == wanted:
        return
    times = Counter(shown)
    verdict.doubled += [f"{where}: {key} shown {number} times" for key, number in times.items() if number > 1]
    verdict.lost += [f"{where}: {key} not shown" for key in wanted if not times[key]]
    verdict.alien += [f"{where}: {key} shown" for key in times.keys() - set(wanted)]
    if sorted(shown) == sorted(wanted):
        verdict.reordered.append(f"{where}: shown in another order")


def _judge_known(verdict: Verdict, where: str, known: Known, told: Known) -> None:
    """A device that has heard of every change knows what one without any past is told."""
    for conversation in sorted(known.keys() ^ told.keys()):
        verdict.stale.append(
            f"{where}: {conversation} is {'not there any more' if conversation in known else 'missing'}"
        )
    for conversation in sorted(known.keys() & told.keys()):
        mine, now = known[conversation], told[conversation]
        verdict.stale += [
            f"{where}: {conversation}: {name} is {now.get(name)}, known is {mine.get(name)}"
            for name in sorted(mine.keys() | now.keys())
            if mine.get(name) != now.get(name)
        ]

"""The judge of a run, by what the clients logged and by what the server's API returns at the end.

A send that was acknowledged is in every member's history exactly once; one without an answer at most once; nothing
is there that nobody sent. All members have one order without a hole, and in it each sender's messages stand in the
order in which they were sent. What each device showed is that history. Unread is what counting gives. What a device
knows beside the log (marks, names, roles …), having heard of changes only, is what one without a past is told.
What is acknowledged while a member's socket is open comes there live, once, in order and soon, unless a fault held up
just that, or the socket was told to sync.
"""

from collections import Counter

from chatapp.lab.lateness import judge_lateness
from chatapp.lab.message_checks import judge_acts, judge_pins, judge_quotes, judge_texts
from chatapp.lab.reactions import differences
from chatapp.lab.records import Records, Send
from chatapp.lab.replica import Known
from chatapp.lab.state import Entry
from chatapp.lab.verdict import Histories, Verdict, is_gone, longest_logs

_FLAP_SECONDS = 1.0  # that a socket was there before and after its user was said to be offline


def judge(records: Records, histories: Histories) -> Verdict:
    """Return the verdict of a run."""
    verdict = Verdict(
        sends=len(records.sends),
        repeats=sum(max(0, row.attempts - 1) for row in records.sends),
        deliveries=records.deliveries,
        faults=records.faults,
    )
    outcomes = Counter(row.outcome for row in records.sends)
    verdict.ok, verdict.failed, verdict.unknown = outcomes["ok"], outcomes["failed"], outcomes["unknown"]
    verdict.reordered += records.live_breaches
    verdict.doubled += records.replica_breaches + records.live_doubles
    verdict.service += records.service_breaches
    verdict.resets += [f"{key} for {user}" for user, key in records.resets if user not in histories.passing]
    verdict.resyncs = sum(len(socket.resyncs) for socket in records.sockets)
    told_offline = {user for user, at in records.offline if _was_there(records, user, at)}
    verdict.presence += [f"{user} was said to be offline, with an open socket" for user in sorted(told_offline)]
    verdict.store += histories.refusals
    by_conversation: dict[str, list[Send]] = {}
    for row in records.sends:
        by_conversation.setdefault(row.conversation, []).append(row)
    judge_lateness(verdict, records, histories, by_conversation)
    longest = longest_logs(histories)
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
    for (conversation, user, device), texts in histories.texts.items():
        judge_texts(verdict, f"{conversation} on {user}'s {device}", texts, histories.logs[conversation, user])
    for (conversation, user, device), reactions in histories.reactions.items():
        where = f"{conversation} on {user}'s {device}"
        verdict.stale += differences(where, reactions, histories.logs[conversation, user])
    for (conversation, user, device), quotes in histories.quotes.items():
        judge_quotes(verdict, f"{conversation} on {user}'s {device}", quotes, histories.logs[conversation, user])
    judge_pins(verdict, histories)
    judge_acts(verdict, records, histories)
    for (user, device), known in histories.known.items():
        _judge_known(verdict, f"{user}'s {device}", known, histories.told[user])
    return verdict


def _was_there(records: Records, user: str, at: float) -> bool:
    """Return whether a socket of the user was open at that time, and for a while around it."""
    given_up = {name for span in records.spans if span.name == "worker frozen for long" for name in span.workers}
    return any(
        socket.user == user
        and socket.began < at - _FLAP_SECONDS
        and socket.ended > at + _FLAP_SECONDS
        and socket.worker not in given_up
        for socket in records.sockets
    )


def _judge_log(verdict: Verdict, where: str, log: list[Entry], sends: list[Send]) -> None:
    """Compare one member's log with what was sent while they were a member."""
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
    """Return the key of the send that a message comes from: devices write it into the text, which no server touches.

    A message that was deleted has none any more.
    """
    return message["clientMsgId"] if is_gone(message) else str(message["content"].rpartition(" ")[2])


def _judge_order(verdict: Verdict, where: str, messages: list[Entry], sent: dict[str, Send]) -> None:
    """Check that each sender's messages stand in the order in which they were sent, and where their acks said."""
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
    """Check that all members have the same entries at the same places."""
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
    wanted = sum(entry["type"] == "message" and entry["seq"] > read and not is_gone(entry) for entry in log)
    if found != wanted:
        verdict.unread.append(f"{conversation}: {user} has {wanted} unread, told were {found}")


def _adds(entry: Entry, user: str) -> bool:
    return any(row["id"] == user for row in entry["change"]["members"])


def _judge_shown(verdict: Verdict, where: str, shown: list[str], log: list[Entry]) -> None:
    """Check that each device has the history, each message once and in its order."""
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
    """Check that a device that has heard of every change knows what one without any past is told."""
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

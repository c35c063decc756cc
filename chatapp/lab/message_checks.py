"""Checks of messages that later entries have changed: texts, quotes, pins, and acts that were acknowledged."""

from chatapp.lab import pins, private
from chatapp.lab.reactions import lost_and_alien
from chatapp.lab.records import Act, Records
from chatapp.lab.state import Entry
from chatapp.lab.verdict import Histories, Verdict, longest_logs, seen


def judge_texts(verdict: Verdict, where: str, texts: dict[int, str | None], log: list[Entry]) -> None:
    """Check that each device has of each message what later entries have made of it."""
    wanted = {row["seq"]: _text_of(row) for row in seen(log) if _has_other_text(row)}
    verdict.stale += [
        f"{where}: {seq} says {texts.get(seq, 'what was sent')!r}, and should {wanted.get(seq, 'what was sent')!r}"
        for seq in sorted(wanted.keys() | texts.keys())
        if texts.get(seq, "") != wanted.get(seq, "")
    ]


def _has_other_text(message: Entry) -> bool:
    return "edits" in message or bool(message.get("deleted"))


def _text_of(message: Entry) -> str | None:
    return None if message.get("deleted") else message["content"]


def judge_quotes(verdict: Verdict, where: str, quotes: dict[int, str | None], log: list[Entry]) -> None:
    """Check that each device's replies quote what the messages say now."""
    wanted = {row["seq"]: row["replyTo"].get("preview") for row in seen(log) if "replyTo" in row}
    verdict.stale += [
        f"{where}: {seq} quotes {quotes.get(seq, 'nothing')!r}, and should {wanted.get(seq, 'nothing')!r}"
        for seq in sorted(wanted.keys() | quotes.keys())
        if quotes.get(seq, "") != wanted.get(seq, "")
    ]


def judge_pins(verdict: Verdict, histories: Histories) -> None:
    """Check that each device, and each member's list of pins, has those that the log is given with."""
    for (conversation, user, device), found in histories.pins.items():
        where = f"{conversation} on {user}'s {device}"
        verdict.stale += pins.differences(where, found, histories.logs[conversation, user])
    for (conversation, user), found in histories.pin_lists.items():
        where = f"{conversation} in {user}'s list of pins"
        verdict.stale += pins.differences(where, found, histories.logs[conversation, user])


def judge_acts(verdict: Verdict, records: Records, histories: Histories) -> None:
    """Check that acknowledged acts are done, and that nothing is that nobody has asked for."""
    messages = {row["id"]: row for log in longest_logs(histories).values() for row in seen(log)}
    lost, alien = lost_and_alien(records.reacts, messages)
    verdict.lost += [*lost, *private.lost(records, histories.told)]
    verdict.stale += private.came_back(records, histories.told)
    verdict.alien += alien + pins.alien(records.pins, messages)
    acts: dict[str, list[Act]] = {}
    for act in records.acts:
        acts.setdefault(act.message_id, []).append(act)
    for conversation, log in longest_logs(histories).items():
        for message in seen(log):
            asked = acts.get(message["id"], [])
            text, where = _text_of(message), f"{conversation} {message['seq']}"
            possible = {act.text for act in asked if act.outcome != "failed"}
            done = [act for act in asked if act.outcome == "ok"]
            if any(act.text is None for act in done) and text is not None:
                verdict.lost.append(f"{where}: its deletion was acknowledged")
            elif done and text not in possible:
                verdict.lost.append(f"{where}: its edit was acknowledged")
            elif _has_other_text(message) and text not in possible:
                verdict.alien.append(f"{where}: nobody has edited it to {text!r}")

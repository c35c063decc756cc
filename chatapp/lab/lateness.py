"""The check that what is acknowledged comes live to open sockets, and soon."""

import math
from bisect import bisect_left

from chatapp.lab.records import Connected, Records, Send, Span
from chatapp.lab.verdict import Histories, Verdict

LATE_SECONDS = 3.0  # after the acknowledgement
_LATE_SECONDS_OF_99 = 2.0  # of a hundred
_ENOUGH = 1_000  # live entries, to speak of one in a hundred
_RESYNC_SECONDS = 3.0  # over which the server spreads what it tells sockets that miss something
HOLDS_UP = frozenset({"slow network", "server frozen", "disk full", "database cut off", "database killed"})
"""The faults that may hold live entries up for longer, and those of frozen workers for their own sockets."""
SILENT_BUS = "bus silent"  # what is told meanwhile comes soon after it
WORKER_FAULTS = frozenset({"worker frozen", "worker frozen for long"})


def judge_lateness(
    verdict: Verdict, records: Records, histories: Histories, by_conversation: dict[str, list[Send]]
) -> None:
    """Check that what was acknowledged while a member's socket was open came there live, and soon."""
    lateness: list[float] = []
    sends = {
        conversation: sorted((row for row in rows if row.outcome == "ok"), key=lambda row: row.started)
        for conversation, rows in by_conversation.items()
    }
    starts = {conversation: [row.started for row in rows] for conversation, rows in sends.items()}
    members = [key for key in histories.logs if key[0] in sends and key[1] not in histories.passing]
    for socket in records.sockets:
        holds = [span for span in records.spans if _holds_up(span, socket)]
        silences = [span for span in records.spans if span.name == SILENT_BUS]
        for conversation in (key for key, user in members if user == socket.user):
            heard = socket.heard.get(conversation, {})
            for row in sends[conversation][bisect_left(starts[conversation], socket.began) :]:
                if row.started > socket.ended:
                    break
                due = max([row.ended, *(span.ended for span in silences if span.began <= row.ended <= span.ended)])
                until = due + LATE_SECONDS
                if until > socket.ended or row.seq is None or _is_excused(row.started, until, socket, holds):
                    continue
                late = heard.get(row.seq, math.inf) - due
                lateness.append(late)
                if late > LATE_SECONDS:
                    came = "never" if late == math.inf else f"{late:.1f} s after its acknowledgement"
                    verdict.late.append(f"{conversation} {row.seq} came to {socket.user} {came}")
    if lateness:
        lateness.sort()
        verdict.live_checks, verdict.latest = len(lateness), max(0.0, lateness[-1])
        verdict.late_p99 = max(0.0, lateness[len(lateness) * 99 // 100])
        if verdict.late_p99 > _LATE_SECONDS_OF_99 and len(lateness) >= _ENOUGH:
            verdict.late.append(f"one of a hundred came {verdict.late_p99:.1f} s after its acknowledgement")


def _holds_up(span: Span, socket: Connected) -> bool:
    return span.name in HOLDS_UP or (span.name in WORKER_FAULTS and socket.worker in span.workers)


def _is_excused(sent: float, until: float, socket: Connected, holds: list[Span]) -> bool:
    """Return whether a fault held the entry up on its way to this socket, or it was told to sync instead."""
    return any(span.began <= until and span.ended >= sent for span in holds) or any(
        sent <= at <= until + _RESYNC_SECONDS for at in socket.resyncs
    )

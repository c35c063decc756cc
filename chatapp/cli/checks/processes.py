"""The processes of one chat: whether each can be reached, how they hear each other, and their clocks."""

from datetime import datetime

import requests

from chatapp.bus import redis_server
from chatapp.bus.peer import machine_of
from chatapp.cli.checks.examination import Note, Patient, Problem, Skipped
from chatapp.database import Document, is_embedded
from chatapp.engine.relay import SEPARATOR
from chatapp.settings import config
from chatapp.stores import processes as process_store

GONE_SECONDS = 45.0  # without a heartbeat, of which there is one every 15 seconds
_POLLING = "/socket.io/?EIO=4&transport=polling"
_SLOW_SECONDS = 1.0
_CLOCK_SECONDS = 2.0  # that two clocks may differ without anybody's noticing
_TOKEN_SECONDS = 60.0  # and beyond which tokens look expired, or are not valid yet
_SILENT_SECONDS = 2.5
_OLDEST_REDIS = 6
_MOST_NAMED = 200  # peers in a row


def _alive(patient: Patient) -> list[Document]:
    """Return the rows of the processes that are alive. Raises Skipped where there are none to be found."""
    patient.need_database()
    if is_embedded():
        raise Skipped("the embedded store serves one process")
    return alive(process_store.find_all(), process_store.database_time())


def alive(rows: list[Document], now: datetime) -> list[Document]:
    """Return the rows with a heartbeat that is new enough, each with its `age` in seconds."""
    aged = [{**row, "age": max(0.0, (now - row["at"]).total_seconds())} for row in rows if row.get("at")]
    return [row for row in aged if row["age"] < GONE_SECONDS]


def moved_connections(patient: Patient) -> str:
    """Ask each worker of the server's machine, on a connection of its own, then all of them in turn on one."""
    patient.need_server()
    answer = patient.call("GET", _POLLING)
    sid = answer.text.partition('"sid":"')[2].partition('"')[0]
    name, is_named, _ = sid.partition(SEPARATOR)
    if not is_named:
        raise Skipped("one worker process, whose connections go nowhere else")
    names = sorted(row["_id"] for row in _alive(patient) if row["machine"] == machine_of(name))
    for worker in names or [name]:
        with requests.Session() as fresh:
            _ask(fresh, patient, worker)
    with requests.Session() as kept:
        for worker in [*names, *reversed(names)]:
            _ask(kept, patient, worker)
    return f"each of {len(names) or 1} workers answers on connections that came to any"


def _ask(client: requests.Session, patient: Patient, worker: str) -> None:
    """Ask one worker by its name. Raises Problem when another one answers, or nobody."""
    try:
        answer = client.get(f"{patient.url}{_POLLING}&sid={worker}{SEPARATOR}", timeout=patient.timeout)
    except requests.RequestException as error:
        raise Problem(
            f"The worker {worker} does not answer ({type(error).__name__}): it is frozen or overloaded; "
            "`flask processes` and the log show it."
        ) from None
    if answer.status_code != 200 or answer.text != worker:
        raise Problem(
            f"The worker {worker} can't be reached through the others ({answer.status_code}): it has just ended or "
            "begun (try again), or the proxy leads to several machines."
        )


def bus(patient: Patient) -> str:
    """Read how the processes hear each other."""
    rows = _alive(patient)
    if not rows:
        raise Skipped("no process has said that it is alive")
    strangers = sorted({sentence for row in rows for sentence in row.get("strangers", ())})
    if strangers:
        raise Problem(" ".join(strangers))
    if len(rows) == 1:
        return "one process, which has nobody to hear"
    late = [row["_id"] for row in rows if row.get("bus") == "degraded"]
    if late:
        advice = "start Redis again" if config().REDIS_URL else "set REDIS_URL on all machines"
        raise Problem(f"{len(late)} of {len(rows)} processes hear other machines late, through the database: {advice}.")
    if unheard := _unheard(rows):
        raise Problem(
            f"Not heard by all others: {', '.join(unheard)}; killed, frozen, or without a way to them. Whoever began "
            "or ended just now is heard of in a moment: try again."
        )
    silence = max(row.get("silence", 0.0) for row in rows)
    round_trip = max((row["round_trip"] for row in rows if row.get("round_trip") is not None), default=0.0)
    if silence > _SILENT_SECONDS or round_trip > _SLOW_SECONDS:
        raise Problem(
            f"A process is slow: it was silent for {silence:.1f} s, or a message to it and back took "
            f"{round_trip:.1f} s; `flask processes` shows whose CPU is busy."
        )
    gaps = sum(row.get("gaps", 0) for row in rows)
    oldest = max(row["age"] for row in rows)
    sentence = (
        f"{len(rows)} processes hear each other: {round_trip * 1000:.1f} ms there and back at most, {gaps} gaps, "
        f"the oldest heartbeat {silence:.1f} s ago on the bus and {oldest:.0f} s in the database"
    )
    if gaps:
        raise Note(sentence + "; clients have synced what was in the gaps")
    return sentence


def _unheard(rows: list[Document]) -> list[str]:
    """Return the processes that another one does not hear."""
    names = {row["_id"] for row in rows}
    missing = [names - {row["_id"]} - set(row["hears"]) for row in rows if len(row["hears"]) < _MOST_NAMED]
    return sorted(set().union(*missing))


def clocks(patient: Patient) -> str:
    """Compare the clocks of all processes with the database's."""
    rows = [row for row in _alive(patient) if row.get("clock")]
    if not rows:
        raise Skipped("no process has told its time")
    differences = {row["_id"]: (row["clock"] - row["at"]).total_seconds() for row in rows}
    worst = max(differences, key=lambda name: abs(differences[name]))
    seconds = differences[worst]
    text = f"the clock of the process {worst} differs from the database's by {seconds:+.1f} s"
    if abs(seconds) > _TOKEN_SECONDS:
        raise Problem(f"{text}: set both by NTP (timedatectl set-ntp true).")
    if abs(seconds) > _CLOCK_SECONDS:
        raise Note(f"{text}; nothing is lost by that, but times that people see are wrong")
    return f"{len(rows)} within {abs(seconds):.1f} s of the database's"


def redis(patient: Patient) -> str:
    """Ask Redis what it is, and what it does when its memory is full."""
    if not patient.own:
        raise Skipped("another server's Redis")
    if not config().REDIS_URL:
        raise Skipped("REDIS_URL is not set")
    try:
        found = redis_server.examine(config().REDIS_URL)
    except redis_server.Unusable as error:
        raise Problem(str(error)) from None
    major = found.version.partition(".")[0]
    if major.isdigit() and int(major) < _OLDEST_REDIS:
        raise Problem(f"Redis {found.version} is too old: chatapp needs Redis 6 or Valkey.")
    sentence = f"version {found.version}, {found.round_trip * 1000:.1f} ms, maxmemory-policy {found.eviction}"
    if found.eviction not in ("noeviction", "unknown"):
        raise Note(
            f"{sentence}: what passes between processes is not kept there, so nothing of it is evicted; "
            "counts of rate limits on the embedded store are (noeviction keeps them)"
        )
    return sentence

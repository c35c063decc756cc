"""flask processes"""

from typing import Any

import click
import orjson

from chatapp.cli.checks.processes import alive
from chatapp.cli.outcome import plain_failures
from chatapp.database import Document, is_embedded
from chatapp.stores import processes as process_store

_HEADINGS = ("MACHINE", "WORKER", "VERSION", "SOCKETS", "CPU", "BUS", "LAG", "HEARTBEAT")
_EMBEDDED = "The embedded store serves one process, which is in no list: ask its /api/health and /metrics."


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@plain_failures
def processes(as_json: bool) -> None:
    """List the processes that serve this chat, on all machines."""
    rows = [] if is_embedded() else alive(process_store.find_all(), process_store.database_time())
    if as_json:
        click.echo(orjson.dumps({"processes": [_shown(row) for row in rows]}))
    elif is_embedded():
        click.echo(_EMBEDDED)
    elif not rows:
        click.echo("No process is alive. One that starts is listed within a few seconds.")
    else:
        click.echo(_table([_HEADINGS, *map(_cells, rows)]))


def _shown(row: Document) -> dict[str, Any]:
    return {
        "name": row["_id"],
        "machine": row["machine"],
        "worker": row["worker"],
        "version": row["version"],
        "sockets": row["sockets"],
        "cpuSeconds": row["cpu"],
        "bus": row["bus"],
        "busLagSeconds": _lag(row),
        "heartbeatAgeSeconds": round(row["age"], 1),
    }


def _lag(row: Document) -> float | None:
    """Return the longest round trip to a peer; where there is none yet, what Redis took."""
    lag: float | None = row.get("round_trip", row.get("bus_lag"))
    return None if lag is None else round(lag, 4)


def _cells(row: Document) -> tuple[str, ...]:
    lag = _lag(row)
    return (
        str(row["machine"]),
        str(row["worker"]),
        str(row["version"]),
        str(row["sockets"]),
        f"{row['cpu']:.1f} s",
        str(row["bus"]),
        "-" if lag is None else f"{lag * 1000:.1f} ms",
        f"{row['age']:.0f} s ago",
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)

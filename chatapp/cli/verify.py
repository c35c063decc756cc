"""flask verify, flask repair"""

import sys
from datetime import UTC, datetime

import click
import orjson
from tqdm import tqdm

from chatapp.cli.outcome import plain_failures
from chatapp.services import migrations
from chatapp.services.log import verify as verification
from chatapp.services.log.verify import Report

_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@click.command()
@click.option("--conversation", help="Only this one, by its id.")
@click.option("--since", type=click.DateTime(_MOMENTS), help="Only conversations with something since then (UTC).")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@plain_failures
def verify(conversation: str | None, since: datetime | None, as_json: bool) -> None:
    """Replay every log and compare what is stored with it; exit code 1 and the place when something is wrong."""
    migrations.refuse_foreign()
    total = 1 if conversation else verification.count(since)
    started = datetime.now(UTC)
    conversations = entries = 0
    faults = []
    bar = tqdm(total=total, unit=" conversations", disable=as_json or not sys.stderr.isatty())
    for report in verification.verify(conversation, since):
        conversations, entries = conversations + 1, entries + report.entries
        faults += report.faults
        bar.update()
        bar.set_postfix(entries=entries, faults=len(faults), refresh=False)
    bar.close()
    seconds = (datetime.now(UTC) - started).total_seconds()
    if as_json:
        counts = {"conversations": conversations, "entries": entries, "seconds": seconds}
        click.echo(orjson.dumps({**counts, "faults": [fault.as_dict() for fault in faults]}))
    else:
        for fault in faults:
            click.echo(f"FAULT conversation {fault.conversation_id}, {fault.place}: {fault.sentence}")
        rate = f"{entries / seconds:,.0f} entries/s" if seconds else ""
        click.echo(f"{conversations} conversations, {entries} entries, {len(faults)} faults. {rate}")
    if faults:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--conversation", help="Only this one, by its id.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@plain_failures
def repair(conversation: str | None, dry_run: bool) -> None:
    """Compute anew what is derived from the logs: heads, last messages, memberships, edited messages.

    Erases what should be erased, and never touches anything else of an entry."""
    migrations.refuse_foreign()
    verb = "would be repaired" if dry_run else "repaired"

    def told(report: Report, can_be: bool) -> None:
        for fault in report.faults:
            outcome = verb if can_be else "NOT REPAIRABLE"
            click.echo(f"conversation {fault.conversation_id}, {fault.place}: {fault.sentence}: {outcome}")

    repaired, broken = verification.repair(conversation, dry_run, told)
    click.echo(f"{repaired} conversations {verb}, {broken} not repairable.")
    if broken:
        raise click.exceptions.Exit(1)

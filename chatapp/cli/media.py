"""flask media"""

import click
from tqdm import tqdm

from chatapp import blobs
from chatapp.cli.outcome import plain_failures
from chatapp.services.media import upkeep
from chatapp.services.media.storage import storage
from chatapp.settings import config


@click.group()
def media() -> None:
    """Look after the files of messages."""


@media.command("count")
@plain_failures
def count() -> None:
    """Count the files, and their bytes by kind."""
    totals = upkeep.count()
    click.echo(f"{totals.states['ready']} files, {totals.size} bytes, in {blobs.current().name}")
    for kind, size in sorted(totals.kinds.items()):
        click.echo(f"  {kind}: {size} bytes")
    for state, number in sorted(totals.states.items()):
        click.echo(f"  {state}: {number}")


@media.command("orphans")
@click.option("--delete", "is_deleting", is_flag=True, help="Delete them.")
@plain_failures
def orphans(is_deleting: bool) -> None:
    """List what the store has that belongs to no file."""
    with storage():
        found = list(upkeep.orphans())
    for key in found:
        click.echo(key)
    if is_deleting and found:
        with storage():
            blobs.current().delete(found)
    click.echo(f"{len(found)} orphans{' deleted' if is_deleting and found else ''}")


@media.command("verify")
@plain_failures
def verify() -> None:
    """Compare the bytes of every file with the hash that messages name; exit code 1 where one differs."""
    bad = checked = 0
    for row in upkeep.ready():
        checked += 1
        with storage():
            problem = upkeep.problem_of(row)
        if problem:
            bad += 1
            click.echo(f"{row['_id']} {problem}")
    click.echo(f"{checked} files, {bad} of them wrong")
    if bad:
        raise click.exceptions.Exit(1)


@media.command("move")
@plain_failures
def move() -> None:
    """Move the files of the folder into the bucket; ended in the middle, it goes on where it was."""
    if not config().MEDIA_S3_BUCKET:
        raise click.ClickException("Set MEDIA_S3_BUCKET to the bucket that the files are to be moved to.")
    origin = upkeep.source()
    with storage():
        keys = list(origin.keys())
        moved = sum(upkeep.move(key, origin) for key in tqdm(keys, desc="Moving", unit="file", disable=None))
    click.echo(f"{moved} files moved from {origin.name} to {blobs.current().name}")

"""flask seed"""

import sys
from collections.abc import Iterable

import click
from tqdm import tqdm

from chatapp import limits
from chatapp.cli.outcome import plain_failures
from chatapp.services import migrations, seeding
from chatapp.settings import config
from chatapp.stores import users as user_store


@click.command()
@click.option("--users", "user_count", type=click.IntRange(0, 1_000_000), default=0, help="More users than the demo's.")
@click.option("--messages", "message_count", type=click.IntRange(0, 10_000_000), default=0, help="Messages among them.")
@click.option("--if-empty", is_flag=True, help="Do nothing when there are users already.")
@click.option("--yes", is_flag=True, help="Also in production.")
@plain_failures
def seed(user_count: int, message_count: int, if_empty: bool, yes: bool) -> None:
    """Add the demo users (password123) and their conversations; adds what is missing, changes nothing.

    A new database is migrated first.
    """
    if config().is_production and not yes:
        raise click.ClickException("This is production: demo users have a known password. Use --yes if you mean it.")
    try:
        migrations.run(lambda name: click.echo(f"migrated {name}"))
    except migrations.Postponed as reason:
        click.echo(reason.message, err=True)
    if if_empty and user_store.count():
        return
    with limits.suspended():
        counts = seeding.demo_data()
        if user_count:
            more = seeding.many(user_count, message_count, _progress)
            counts = {name: counts[name] + more[name] for name in counts}
    click.echo("Added " + ", ".join(f"{number} {name}" for name, number in counts.items()) + ".")


def _progress(numbers: Iterable[int], what: str) -> Iterable[int]:
    """Show a bar on a terminal, nothing in a pipe."""
    bar: Iterable[int] = tqdm(numbers, desc=what, disable=not sys.stderr.isatty())
    return bar

"""flask migrate"""

import click

from chatapp.cli.outcome import plain_failures
from chatapp.services import migrations


@click.command()
@plain_failures
def migrate() -> None:
    """Bring the database to the newest form. Safe to run twice, and by two processes at once.

    One that has to wait for the end of an earlier version is no failure: platforms run this before they stop it.
    """
    try:
        ran = migrations.run(lambda name: click.echo(f"migrated {name}"))
    except migrations.Postponed as reason:
        click.echo(reason.message, err=True)
        return
    if not ran:
        click.echo("The database is up to date.")

"""flask migrate"""

import click

from chatapp.cli.outcome import plain_failures
from chatapp.services import migrations


@click.command()
@plain_failures
def migrate() -> None:
    """Bring the database to the newest form. Safe to run twice, and by two processes at once."""
    ran = migrations.run(lambda name: click.echo(f"migrated {name}"))
    if not ran:
        click.echo("The database is up to date.")

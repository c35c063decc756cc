"""flask new-epoch"""

import click

from chatapp.cli.outcome import plain_failures
from chatapp.services import migrations
from chatapp.services.sync import epoch


@click.command("new-epoch")
@plain_failures
def new_epoch() -> None:
    """Let every client drop what it has and start anew, after a backup was restored. Then start the server again."""
    migrations.refuse_foreign()
    click.echo(f"The epoch is {epoch.renew()}. Start the server again, so that it tells its clients.")

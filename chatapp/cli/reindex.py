"""flask reindex"""

import click
from tqdm import tqdm

from chatapp.cli.outcome import plain_failures
from chatapp.services import migrations
from chatapp.services.search import healing


@click.command()
@click.option("--anew", is_flag=True, help="Forget the index first, and make all of it.")
@plain_failures
def reindex(anew: bool) -> None:
    """Bring the index of messages up to the ends of all logs; ended in the middle, it goes on where it was.

    The server does it by itself. While it runs with --anew, searches find what is indexed by then.
    """
    migrations.refuse_foreign()
    entries = conversations = 0
    with tqdm(desc="Indexing", unit=" conversations", disable=None) as bar:
        for conversations, total, indexed in healing.reindex(anew=anew):
            entries += indexed
            bar.total = total
            bar.update(conversations - bar.n)
            bar.set_postfix(entries=entries, refresh=False)
    click.echo(f"{conversations} conversations, {entries} entries indexed")

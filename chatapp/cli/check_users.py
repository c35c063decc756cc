"""flask check-users"""

import click
import orjson

from chatapp.cli.outcome import plain_failures
from chatapp.stores import users as user_store

_SHOWN = 20


@click.command("check-users")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@plain_failures
def check_users(as_json: bool) -> None:
    """Check that there are at least two users: with fewer, every contact list is empty, and the exit code is 1."""
    count = user_store.count()
    rows = [{"name": row["name"], "email": row["email"]} for row in user_store.find_oldest(_SHOWN)]
    enough = count >= 2
    advice = None if enough else "Run `flask --app wsgi seed`, or register more users."
    if as_json:
        click.echo(orjson.dumps({"count": count, "users": rows, "enough": enough, "advice": advice}))
    else:
        click.echo(f"{count} user{'' if count == 1 else 's'}")
        for row in rows:
            click.echo(f"  {row['name']} <{row['email']}>")
        if count > _SHOWN:
            click.echo(f"  … and {count - _SHOWN} more")
        click.echo("Contacts can be seen." if enough else f"Contact lists are empty. {advice}")
    if not enough:
        raise click.exceptions.Exit(1)

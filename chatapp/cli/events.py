"""flask events"""

import click
from marshmallow import Schema

from chatapp.schemas.pushed_events import PUSHED
from chatapp.sockets.dispatch import EVENTS


@click.command()
def events() -> None:
    """List every socket event that clients may send, and those that the server sends by itself."""
    for name, spec in sorted(EVENTS.items()):
        required = {key for key, field in spec.schema().fields.items() if field.required}
        named = ", ".join(sent + ("" if key in required else "?") for key, sent in _sent(spec.schema).items())
        click.echo(f"{name} {{{named}}}")
        answers = ["ack", *([spec.reply] if spec.reply else [])]
        click.echo(f"    {spec.summary}")
        click.echo(f"    answers: {', '.join(answers)}; failure: {spec.failure}")
    click.echo("\nSent by the server:")
    for name, (schema, sentence) in sorted(PUSHED.items()):
        click.echo(f"{name} {{{', '.join(_sent(schema).values())}}}")
        click.echo(f"    {sentence}")


def _sent(schema: type[Schema]) -> dict[str, str]:
    """Return the names by which the fields are sent, by their own."""
    return {key: field.data_key or key for key, field in schema().fields.items()}

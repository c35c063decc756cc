"""flask events"""

import click

from chatapp.schemas.pushed_events import PUSHED
from chatapp.sockets.dispatch import EVENTS


@click.command()
def events() -> None:
    """List every socket event that clients may send, and those that the server sends by itself."""
    for name, spec in sorted(EVENTS.items()):
        fields = ", ".join(key + ("" if field.required else "?") for key, field in spec.schema().fields.items())
        click.echo(f"{name} {{{fields}}}")
        answers = ["ack", *([spec.reply] if spec.reply else [])]
        click.echo(f"    {spec.summary}")
        click.echo(f"    answers: {', '.join(answers)}; failure: {spec.failure}")
    click.echo("\nSent by the server:")
    for name, (schema, sentence) in sorted(PUSHED.items()):
        click.echo(f"{name} {{{', '.join(schema().fields)}}}")
        click.echo(f"    {sentence}")

"""flask docs"""

from pathlib import Path

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext

from chatapp.api import docs as pages
from chatapp.cli.outcome import plain_failures


@click.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@with_appcontext
@plain_failures
def docs(out: Path) -> None:
    """Write openapi.json and asyncapi.json, for programs that generate code from them."""
    out.mkdir(parents=True, exist_ok=True)
    for name, document in pages.documents(current_app).items():
        path = out / f"{name}.json"
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        click.echo(f"wrote {path}")

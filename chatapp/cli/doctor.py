"""flask doctor"""

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext

from chatapp.cli.checks import DIAGNOSIS, SECURITY
from chatapp.cli.checks.examination import Finding, Patient, examine
from chatapp.cli.outcome import plain_failures
from chatapp.settings import config

_SIGNS = {"ok": "ok      ", "problem": "PROBLEM ", "note": "note    ", "skipped": "skipped "}


@click.command()
@click.option("--url", help="The running server to check; default: this configuration's.")
@click.option("--email", help="Log in as this user and check what they see.")
@click.option("--password", help="Their password.")
@click.option("--token", help="Check this access token instead of logging in.")
@click.option("--origin", help="The web app's origin that has to be let in (CORS).")
@click.option("--timeout", type=click.FloatRange(0.1, 60), default=5, show_default=True, help="Seconds for each call.")
@click.option("--security", "for_security", is_flag=True, help="Look for what is open to strangers instead.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
@plain_failures
def doctor(
    url: str | None,
    email: str | None,
    password: str | None,
    token: str | None,
    origin: str | None,
    timeout: float,
    for_security: bool,
    as_json: bool,
) -> None:
    """Find out why contacts are empty or clients can't connect, or what is open; exit code 1 on a problem."""
    patient = Patient(
        url=(url or f"http://127.0.0.1:{config().PORT}").rstrip("/"),
        own=url is None,
        email=email,
        password=password,
        token=token,
        origin=origin,
        timeout=timeout,
    )
    problems = current_app.extensions.get("chatapp_problems", [])
    patient.has_database = not any(problem.startswith("MONGO_URI:") for problem in problems)
    findings = [Finding("settings", "problem", problem) for problem in problems]
    findings += examine(SECURITY if for_security else DIAGNOSIS, patient)
    if as_json:
        click.echo(orjson.dumps({"url": patient.url, "checks": [row.as_dict() for row in findings]}))
    else:
        for row in findings:
            click.echo(f"{_SIGNS[row.state]}{row.name}: {row.sentence}")
    if any(row.state == "problem" for row in findings):
        raise click.exceptions.Exit(1)

"""flask chaos"""

from dataclasses import asdict
from urllib.parse import urlsplit

import click
import orjson

from chatapp.cli.outcome import plain_failures
from chatapp.lab.plan import Plan
from chatapp.lab.run import run
from chatapp.lab.verdict import Verdict

_SHOWN = 10
_LULL_SECONDS = 4.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same schedule of faults.")
@click.option("--sends", type=click.IntRange(1, 1_000_000), default=2_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(1, 3600), default=600, show_default=True, help="The longest chat.")
@click.option("--people", type=click.IntRange(4, 500), default=12, show_default=True)
@click.option("--conversations", type=click.IntRange(1, 500), default=12, show_default=True)
@click.option(
    "--fault-pause", type=click.FloatRange(0.1, 600), default=2, show_default=True, help="Mean seconds between."
)
@click.option(
    "--fault", "faults", multiple=True, help="Only this one; may be repeated. Default: all that are possible."
)
@click.option(
    "--url", help="A running server on this machine, instead of one that the lab starts: network faults only."
)
@click.option(
    "--store-uri", help="The database of the lab's server, like mongodb://…/name. Default: an embedded store."
)
@click.option("--database-control", help="A program that takes `kill` and `start`, for faults of the database itself.")
@click.option("--workers", type=click.IntRange(1, 32), default=1, show_default=True, help="Processes of each machine.")
@click.option("--machines", type=click.IntRange(1, 16), default=1, show_default=True, help="gunicorn masters.")
@click.option(
    "--bad-bus",
    type=click.FloatRange(0, 0.3),
    default=0,
    help="The share of what passes between processes that is lost all the time.",
)
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@plain_failures
def chaos(
    seed: int,
    sends: int,
    seconds: float,
    people: int,
    conversations: int,
    fault_pause: float,
    faults: tuple[str, ...],
    url: str | None,
    store_uri: str | None,
    database_control: str | None,
    workers: int,
    machines: int,
    bad_bus: float,
    as_json: bool,
) -> None:
    """Chat while everything breaks, and see whether a message was lost, doubled or reordered; exit code 1 if so."""
    for address in filter(None, (url, store_uri)):
        if address.partition(":")[0] != "litemongo" and urlsplit(address).hostname not in _LOOPBACK:
            raise click.ClickException("The lab breaks things: it works on this machine only (127.0.0.1).")
    if workers * machines > 1:
        if url:
            raise click.ClickException("--workers and --machines are for servers that the lab starts, not for --url.")
        if not store_uri or not store_uri.startswith("mongodb:"):
            raise click.ClickException("Several processes need a MongoDB: name one with --store-uri.")
    plan = Plan(
        seed=seed,
        sends=sends,
        seconds=seconds,
        people=people,
        conversations=conversations,
        fault_pause=fault_pause,
        faults=list(faults) or None,
        url=url,
        store_uri=store_uri,
        database_control=database_control,
        workers=workers,
        machines=machines,
        bad_bus=bad_bus,
        lull_seconds=_LULL_SECONDS if workers * machines > 1 else 0,
    )
    verdict = run(plan, lambda text: click.echo(text, err=True))
    if as_json:
        click.echo(orjson.dumps(asdict(verdict) | {"seed": seed, "breaches": verdict.breaches}))
    else:
        _show(verdict, seed)
    if verdict.breaches:
        raise click.exceptions.Exit(1)


def _show(verdict: Verdict, seed: int) -> None:
    click.echo(
        f"{verdict.sends} sends: {verdict.ok} acknowledged, {verdict.failed} refused, {verdict.unknown} unknown; "
        f"{verdict.repeats} repeats, {verdict.deliveries} live deliveries"
    )
    for name, number in sorted(verdict.faults.items()):
        click.echo(f"  {number:4} x {name}")
    click.echo(
        f"live: {verdict.live_checks} looked at, 99 of 100 within {verdict.late_p99:.2f} s of the acknowledgement, "
        f"all within {verdict.latest:.2f} s; {verdict.resyncs} resyncs"
    )
    for name, found in verdict.broken.items():
        click.echo(f"{name}: {len(found)}")
        for text in found[:_SHOWN]:
            click.echo(f"  {text}")
    click.echo(f"{'BROKEN' if verdict.breaches else 'kept'}; seed {seed} repeats the schedule")

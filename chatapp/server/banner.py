"""The text that the operator sees when the server is up."""

from urllib.parse import urlsplit

from chatapp import database
from chatapp.media_inspection import decoders
from config import Config


def text(config: Config, network_address: str | None) -> str:
    """Return the banner: addresses, web app, store, demo log-in, documents; never a password of the store."""
    local = f"http://localhost:{config.PORT}"
    workers = f"  Workers:  {config.WEB_CONCURRENCY}, on one machine: Unix sockets carry between them"
    lines = ["", "SERVER STARTED SUCCESSFULLY", f"  Local:    {local}"]
    if config.HOST in ("0.0.0.0", "::") and network_address:
        lines.append(f"  Network:  http://{network_address}:{config.PORT}")
    if config.WEB_CONCURRENCY > 1:
        lines.append(workers)
    if config.REDIS_URL:
        lines.append(f"  Machines: {_machines(config)}")
    lines += [f"  Web app:  {_web_app(config)}", f"  Store:    {database.store_name()}"]
    if off := decoders.that_are_off():
        lines.append(f"  Off:      {', '.join(off)}: no decoder for this machine, so such files are documents")
    if not config.is_production:
        lines.append("  Log in:   tini@test.com / password123  (demo users; see `flask seed`)")
    lines += [
        f"  Docs:     {local}/api/docs",
        f"  Health:   {local}/api/health",
        f"  Metrics:  {local}/metrics",
        "  Stop with Ctrl-C.",
        "",
    ]
    return "\n".join(lines)


def _machines(config: Config) -> str:
    if database.is_embedded():
        return "this one alone, on the embedded store; REDIS_URL keeps the counts of rate limits"
    if config.ENGINE == "stock":
        return "this one alone, with ENGINE=stock"
    return f"Redis at {urlsplit(config.REDIS_URL).netloc.rpartition('@')[2]} carries between them"


def _web_app(config: Config) -> str:
    if not config.is_web_built:
        return "not built; `make web` builds it, or says what is missing"
    return "open the address above" + ("" if config.is_production else "; the demo users are one click away")

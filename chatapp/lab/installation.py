"""The servers of a run, with everything between them and their clients and stores that a fault can cut."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import gevent

from chatapp.lab import redis
from chatapp.lab.forks import Fork
from chatapp.lab.plan import Plan
from chatapp.lab.proxy import Proxy
from chatapp.lab.redis import Redis
from chatapp.lab.server import LOOK_SECONDS, Server


class Installation:
    """One server or several machines' in a folder, or the server that the plan names; each behind a network."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.database, uri = self._database_proxy()
        self.servers: list[Server] = []
        self.redis = Redis(folder / "redis") if plan.machines > 1 and redis.is_installed() else None
        if plan.url is None:
            uri = uri or f"litemongo://{folder}/store"
            self.servers = [self._machine(folder, uri, number) for number in range(plan.machines)]
            self.direct = [("127.0.0.1", server.port) for server in self.servers]
        else:
            parts = urlsplit(plan.url)
            self.direct = [(parts.hostname or "127.0.0.1", parts.port or 80)]
        self.networks = [Proxy(*address) for address in self.direct]

    def _machine(self, folder: Path, uri: str, number: int) -> Server:
        """Return the server of one machine: a gunicorn of its own, with a folder of its own."""
        own = folder / f"machine-{number}"
        own.mkdir()
        settings = dict(self.plan.settings)
        if self.redis is not None:
            settings["REDIS_URL"] = self.redis.url
        return Server(own, uri, settings, self.plan.sabotage, workers=self.plan.workers, bad_bus=self.plan.bad_bus)

    def _database_proxy(self) -> tuple[Proxy | None, str | None]:
        """Return a proxy before the database, and the address through it."""
        uri = self.plan.store_uri
        if uri is None or not uri.startswith("mongodb://"):
            return None, uri
        parts = urlsplit(uri)
        proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 27017)
        return proxy, uri.replace(parts.netloc, f"127.0.0.1:{proxy.port}")

    def start(self) -> None:
        """Start everything, on a store that is up to date."""
        if self.redis is not None:
            self.redis.start()
        for server in self.servers[:1]:
            server.migrate()
        for server in self.servers:
            server.start()

    def mend(self) -> None:
        """Mend the bus, and start again the servers that are not ready."""
        for server in self.servers:
            server.mend_bus()
            if not server.is_ready():
                server.kill()
                server.start()

    def hold_bus(self, share: float | None) -> None:
        """Let the bus lose that share of what is said, or as much as the faults want; return when the servers know."""
        for server in self.servers:
            server.hold_bus(share)
        gevent.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """End everything."""
        for server in self.servers:
            server.stop()
        if self.redis is not None:
            self.redis.kill()
        for network in self.networks:
            network.close()
        if self.database is not None:
            self.database.close()

    def verify(self) -> tuple[list[str], list[str]]:
        """Stop the servers, and let `flask verify` look at the store; return the tracebacks of the servers and the
        faults of the store."""
        tracebacks: list[str] = []
        for server in self.servers:
            server.stop()
            tracebacks += server.tracebacks
        verification = Fork(["flask", "verify", "--json"], self.servers[0].environment)
        said = verification.stdout.read().decode()
        verification.wait()
        try:
            faults = json.loads(said.rstrip().rpartition("\n")[2])["faults"]
        except (ValueError, KeyError):
            return tracebacks, [said[-500:]]
        return tracebacks, [f"{row['conversationId']}, {row['place']}: {row['message']}" for row in faults]

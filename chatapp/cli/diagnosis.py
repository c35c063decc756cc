"""What `flask doctor` looks at: the seed's seven phases and nine reasons for empty contacts, one function each.

A check gives a sentence (all is well), or raises Problem with the sentence that mends it, Note with what the operator
should know, or Skipped with the reason why it can't be made.
"""

import base64
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import websocket
from requests.structures import CaseInsensitiveDict

from chatapp import clock, errors
from chatapp.database import ping, store_name
from chatapp.ids import object_id
from chatapp.services import migrations
from chatapp.settings import config
from chatapp.stores import meta as meta_store
from chatapp.stores import users as user_store

_CLOCK_SKEW_SECONDS = 60


class Problem(Exception):
    """Something is wrong; the text says how to mend it."""


class Note(Exception):
    """Something that may be meant so; the text says what it means."""


class Skipped(Exception):
    """The check can't be made; the text says why."""


@dataclass
class Patient:
    """The server to examine, and what was learnt so far. `own`: it has this process's configuration."""

    url: str
    own: bool
    email: str | None = None
    password: str | None = None
    token: str | None = None
    origin: str | None = None
    timeout: float = 5
    has_database: bool = True  # that the settings name
    reachable: bool = False
    headers: CaseInsensitiveDict[str] = field(default_factory=CaseInsensitiveDict)

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """One HTTP call; raises Problem when there is no answer."""
        kwargs.setdefault("timeout", self.timeout)
        try:
            return requests.request(method, self.url + path, **kwargs)  # noqa: S113 - set above
        except requests.Timeout:
            raise Problem(
                f"{path} did not answer within {self.timeout:g} s: the server is overloaded or the network drops "
                "packets; look at the server's log, then try a longer --timeout."
            ) from None
        except requests.RequestException as error:
            raise Problem(
                f"{self.url} can't be reached ({type(error).__name__}): start the server with `make run`, "
                "and check host, port and firewall."
            ) from None

    def signed_in(self) -> dict[str, str]:
        """Headers with the token; raises Skipped without one."""
        if not self.token:
            raise Skipped("needs --email and --password, or --token")
        return {"Authorization": f"Bearer {self.token}"}

    def need_database(self) -> None:
        """Raises Skipped where this process's settings name no database of this server."""
        if not self.own:
            raise Skipped("another server's database")
        if not self.has_database:
            raise Skipped("MONGO_URI names none that can be used")

    def need_server(self) -> None:
        """Raises Skipped when the server did not answer before."""
        if not self.reachable:
            raise Skipped("the server can't be reached")


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    name: str
    state: str
    sentence: str

    def as_dict(self) -> dict[str, str]:
        """For --json."""
        return {"name": self.name, "state": self.state, "sentence": self.sentence}


def examine(patient: Patient) -> list[Finding]:
    """Make every check, in an order in which one explains the next."""
    return examine_by(_CHECKS, patient)


def examine_by(checks: dict[str, Callable[[Patient], str]], patient: Patient) -> list[Finding]:
    """Make these checks, in their order."""
    return [_finding(name, check, patient) for name, check in checks.items()]


def _finding(name: str, check: Callable[[Patient], str], patient: Patient) -> Finding:
    try:
        return Finding(name, "ok", check(patient))
    except Skipped as reason:
        return Finding(name, "skipped", str(reason))
    except Note as note:
        return Finding(name, "note", str(note))
    except Problem as problem:
        return Finding(name, "problem", str(problem))
    except Exception as error:  # one check that fails must not end the others
        known = errors.from_exception(error)
        return Finding(name, "problem", f"The check failed: {known.message} ({type(error).__name__}).")


def _database(patient: Patient) -> str:
    patient.need_database()
    try:
        ping()
    except Exception as error:  # whatever the driver raises, the advice is the same
        raise Problem(
            f"The database can't be reached ({type(error).__name__}): check MONGO_URI and that MongoDB runs."
        ) from None
    try:
        migrations.refuse_foreign()
    except errors.ChatError as error:
        raise Problem(error.message) from None
    return store_name()


def _indexes(patient: Patient) -> str:
    patient.need_database()
    todo = migrations.pending()
    missing = [name for name, indexes in meta_store.index_names().items() if len(indexes - {"_id_"}) == 0]
    if todo or missing:
        raise Problem("Indexes or migrations are missing: run `flask --app wsgi migrate`.")
    return "all migrations ran"


def _users(patient: Patient) -> str:
    patient.need_database()
    count = user_store.count()
    if count == 0:
        raise Problem("There are no users: run `flask --app wsgi seed`, or register some.")
    if count == 1:
        raise Problem("There is only one user, who sees no contacts: register another, or run `flask --app wsgi seed`.")
    return f"{count} users"


def _workers(patient: Patient) -> str:
    wanted = config().WEB_CONCURRENCY
    if patient.own and wanted != 1:
        raise Problem(f"WEB_CONCURRENCY is {wanted}, but sockets need one worker process: set WEB_CONCURRENCY=1.")
    return "one worker process"


def _binding(patient: Patient) -> str:
    host = urlsplit(patient.url).hostname or ""
    if patient.own and config().HOST in ("127.0.0.1", "localhost", "::1"):
        raise Problem(f"HOST is {config().HOST}, so phones can't reach the server: set HOST=0.0.0.0.")
    if host not in ("127.0.0.1", "localhost", "::1"):
        return f"checked under {host}"
    address = _network_address()
    if address is None:
        raise Skipped("this machine has no network address")
    port = urlsplit(patient.url).port or 80
    try:
        socket.create_connection(("127.0.0.1", port), timeout=patient.timeout).close()
    except OSError:
        raise Skipped("the server does not run") from None
    try:
        socket.create_connection((address, port), timeout=patient.timeout).close()
    except OSError:
        raise Problem(
            f"The server answers on localhost but not on {address}:{port}: bind it to 0.0.0.0 and open the firewall."
        ) from None
    return f"reachable on {address}:{port}"


def _network_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return None


def health(patient: Patient) -> str:
    """Does chatapp answer?"""
    answer = patient.call("GET", "/api/health")
    patient.headers = answer.headers
    if answer.status_code != 200 or body_of(answer).get("status") != "ok":
        raise Problem(
            f"/api/health answered {answer.status_code}, not chatapp's answer: is another program on this port?"
        )
    patient.reachable = True
    return "answers"


def _clock(patient: Patient) -> str:
    patient.need_server()
    date = patient.headers.get("Date")
    if date is None:
        raise Skipped("the answer carries no date")
    skew = abs(parsedate_to_datetime(date).timestamp() - time.time())
    if skew > _CLOCK_SKEW_SECONDS:
        raise Problem(
            f"The clocks differ by {skew:.0f} s, so tokens look expired: set both by NTP (timedatectl set-ntp true)."
        )
    return f"within {skew:.0f} s"


def _ready(patient: Patient) -> str:
    patient.need_server()
    answer = patient.call("GET", "/api/health/ready")
    if answer.status_code != 200:
        code = (body_of(answer).get("error") or {}).get("code", answer.status_code)
        raise Problem(f"The server is up but not ready ({code}): check its database and its log.")
    return "database answers the server"


def log_in(patient: Patient) -> str:
    """Get a token, where none was given."""
    patient.need_server()
    if patient.token:
        return "a token was given"
    if not (patient.email and patient.password):
        raise Skipped("needs --email and --password")
    answer = patient.call("POST", "/api/auth/login", json={"email": patient.email, "password": patient.password})
    if answer.status_code != 200:
        raise Problem(
            f"{patient.email} can't log in ({body_of(answer).get('msg', answer.status_code)}): "
            "check the password, or run `flask --app wsgi seed` for the demo users."
        )
    patient.token = body_of(answer)["token"]
    return f"{patient.email} logged in"


def _token(patient: Patient) -> str:
    patient.signed_in()
    claims = _claims(patient.token or "")
    left = int(claims.get("exp", 0)) - clock.timestamp()
    if left <= 0:
        raise Problem("The token has expired: log in again, or refresh it (POST /api/auth/refresh).")
    return f"valid for {left // 60} min"


def _token_user(patient: Patient) -> str:
    patient.need_server()
    headers = patient.signed_in()
    answer = patient.call("GET", "/api/user/profile", headers=headers)
    code = (body_of(answer).get("error") or {}).get("code")
    if code == "TOKEN_EXPIRED":
        raise Problem("The token has expired: log in again.")
    user_id = object_id(_claims(patient.token or "").get("sub"))
    if answer.status_code == 401 and patient.own and user_id and user_store.find_by_id(user_id) is None:
        raise Problem("The token's user is not in this database (wrong user id): log in again.")
    if answer.status_code != 200:
        raise Problem(f"The server refuses the token ({code}): log in again.")
    return "the token's user exists"


def _contacts(patient: Patient) -> str:
    patient.need_server()
    answer = patient.call("GET", "/api/user/contacts?limit=1", headers=patient.signed_in())
    body = body_of(answer)
    if answer.status_code != 200:
        code = (body.get("error") or {}).get("code", answer.status_code)
        raise Problem(
            f"The contacts query failed ({code}): look for request {answer.headers.get('X-Request-ID')} in the log."
        )
    if not body["data"]:
        raise Problem(
            f"The contact list is empty ({(body.get('meta') or {}).get('code')}): register more users, "
            "or run `flask --app wsgi seed`."
        )
    return "there are contacts"


def _cors(patient: Patient) -> str:
    patient.need_server()
    if not patient.origin:
        raise Skipped("needs --origin")
    preflight = patient.call(
        "OPTIONS",
        "/api/user/contacts",
        headers={
            "Origin": patient.origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    polling = patient.call("GET", "/socket.io/?EIO=4&transport=polling", headers={"Origin": patient.origin})
    allowed = preflight.headers.get("Access-Control-Allow-Origin")
    if allowed not in ("*", patient.origin) or polling.status_code != 200:
        raise Problem(f"{patient.origin} is not let in: add it to CORS_ORIGINS and restart.")
    return f"{patient.origin} is let in"


def _polling(patient: Patient) -> str:
    patient.need_server()
    answer = patient.call("GET", "/socket.io/?EIO=4&transport=polling")
    if answer.status_code != 200 or not answer.text.startswith("0{"):
        raise Problem(
            f"Socket.IO does not answer under /socket.io/ ({answer.status_code}): does a proxy hold that path back?"
        )
    upgrades = orjson.loads(answer.text[1:]).get("upgrades", [])
    if "websocket" not in upgrades:
        raise Problem(
            "The server offers no WebSocket upgrade: start it with `gunicorn wsgi:app` and its gunicorn.conf.py, "
            "whose worker class supports WebSocket."
        )
    return "handshake works and offers WebSocket"


def _websocket(patient: Patient) -> str:
    patient.need_server()
    address = re.sub("^http", "ws", patient.url) + "/socket.io/?EIO=4&transport=websocket"
    try:
        connection = websocket.create_connection(address, timeout=patient.timeout, origin=patient.origin or patient.url)
        first = connection.recv()
        connection.close()
    except (OSError, websocket.WebSocketException) as error:
        raise Problem(
            f"WebSocket fails ({type(error).__name__}): the worker class has to be chatapp's (gunicorn.conf.py), "
            "and a proxy has to pass Upgrade headers on."
        ) from None
    if not str(first).startswith("0{"):
        raise Problem("WebSocket opens, but Socket.IO does not answer: is another program on this port?")
    return "works"


def body_of(answer: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty when it has none."""
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token, unverified: the server verifies them in the next check."""
    try:
        part = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        raise Problem("This is no token: pass the `token` that a log-in answers.") from None
    return claims if isinstance(claims, dict) else {}


_CHECKS: dict[str, Callable[[Patient], str]] = {
    "database": _database,
    "indexes": _indexes,
    "users": _users,
    "workers": _workers,
    "binding": _binding,
    "health": health,
    "clock": _clock,
    "readiness": _ready,
    "log-in": log_in,
    "token": _token,
    "token's user": _token_user,
    "contacts": _contacts,
    "cors": _cors,
    "polling": _polling,
    "websocket": _websocket,
}

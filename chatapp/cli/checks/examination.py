"""The parts that every check of `flask doctor` shares: the server to examine, how a check ends, and the findings.

A check returns a sentence when all is well. Otherwise it raises Problem with the sentence that mends it, Note with
something that only the operator can judge, or Skipped with the reason why it can't be made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.structures import CaseInsensitiveDict

from chatapp import errors

LOCAL = ("127.0.0.1", "localhost", "::1")


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
        """Make one HTTP call; raises Problem when there is no answer."""
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

    @property
    def is_local(self) -> bool:
        """Return whether the server is addressed as this machine's own."""
        return urlsplit(self.url).hostname in LOCAL

    def signed_in(self) -> dict[str, str]:
        """Return headers with the token; raises Skipped without one."""
        if not self.token:
            raise Skipped("needs --email and --password, or --token")
        return {"Authorization": f"Bearer {self.token}"}

    def need_database(self) -> None:
        """Raise Skipped where this process's settings name no database of this server."""
        if not self.own:
            raise Skipped("another server's database")
        if not self.has_database:
            raise Skipped("MONGO_URI names none that can be used")

    def need_server(self) -> None:
        """Raise Skipped when the server did not answer before."""
        if not self.reachable:
            raise Skipped("the server can't be reached")


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    name: str
    state: str
    sentence: str

    def as_dict(self) -> dict[str, str]:
        """Return the finding for --json."""
        return {"name": self.name, "state": self.state, "sentence": self.sentence}


Check = Callable[[Patient], str]


def examine(checks: dict[str, Check], patient: Patient) -> list[Finding]:
    """Make these checks, in an order in which one explains the next."""
    return [_finding(name, check, patient) for name, check in checks.items()]


def _finding(name: str, check: Check, patient: Patient) -> Finding:
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


def body_of(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; empty when it has none."""
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}

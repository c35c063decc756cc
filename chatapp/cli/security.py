"""What `flask doctor --security` looks at: this machine's settings and files, and what strangers get of the server.

Checks are made as in `diagnosis`; one raises Note where only the operator can say whether it is meant so.
"""

import math
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import requests
from limits import parse_many

from chatapp.addresses import address_key
from chatapp.api.requests import HEADERS
from chatapp.cli.diagnosis import Finding, Note, Patient, Problem, Skipped, body_of, examine_by, health, log_in
from chatapp.settings import config
from config import ROOT, Config, is_guessable

_LOCAL = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::", "")
_SECRET_BITS = 100
_TOKEN_CHARACTERS = 16
_FACTOR = 50  # times its default: a limit that stops nobody
_LIFETIME_FACTOR = 12
_LIFETIMES = ("ACCESS_TOKEN_SECONDS", "REFRESH_TOKEN_SECONDS", "LEGACY_TOKEN_SECONDS", "REFRESH_ABSOLUTE_SECONDS")
_STRANGER = "https://stranger.invalid"
_HOPS = 5  # forged ones, so that trusting any number of proxies too many is seen
_COUNTED = "/api/user/profile"  # a call without a token is counted by address there


def examine(patient: Patient) -> list[Finding]:
    """Make every check."""
    return examine_by(_CHECKS, patient)


def _need_settings(patient: Patient) -> None:
    if not patient.own and patient.url != config().PUBLIC_URL.rstrip("/"):
        raise Skipped("another server's settings (these are this one's where --url is PUBLIC_URL)")


def _is_local(patient: Patient) -> bool:
    return urlsplit(patient.url).hostname in _LOCAL


def _open(patient: Patient, sentence: str) -> Exception:
    """What is open to strangers: a problem, except on a developer's own machine."""
    return Note(sentence) if _is_local(patient) and not config().is_production else Problem(sentence)


def _environment(patient: Patient) -> str:
    _need_settings(patient)
    if not config().is_production:
        raise Note(
            f"APP_ENV is {config().APP_ENV}: demo users may be logged in as, metrics and documents are open, and "
            "unsafe settings are taken; set APP_ENV=production where others reach the server."
        )
    return "production"


def _files(patient: Patient) -> str:
    _need_settings(patient)
    wrong = [str(path) for path in _private_files() if path.stat().st_mode & 0o077]
    if wrong:
        listed = " ".join(wrong[:5])
        raise Problem(f"Other users of this machine can read {listed}: chmod -R go-rwx {listed}")
    return "only this user can read settings and store"


def _private_files() -> Iterator[Path]:
    yield from (path for path in (ROOT / ".env",) if path.exists())
    folder = config().instance_path
    if folder.exists() and not ROOT.is_relative_to(folder.resolve()):
        yield folder
        yield from (path for path in folder.rglob("*") if not path.is_symlink())


def _secret(patient: Patient) -> str:
    _need_settings(patient)
    secret = config().JWT_SECRET
    bits = _bits(secret)
    if is_guessable(secret) or bits < _SECRET_BITS:
        raise Problem(
            f"JWT_SECRET can be guessed (about {bits:.0f} bits): set a random one: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return "random enough"


def _bits(text: str) -> float:
    """How much there is to guess, if the characters are as independent as they look (Shannon)."""
    return sum(count * math.log2(len(text) / count) for count in Counter(text).values())


def _metrics_token(patient: Patient) -> str:
    _need_settings(patient)
    token = config().METRICS_TOKEN
    if not token:
        raise Note("METRICS_TOKEN is not set: /metrics is closed in production, open elsewhere.")
    if len(token) < _TOKEN_CHARACTERS or is_guessable(token):
        raise Problem(f"METRICS_TOKEN can be guessed: set a random one of {_TOKEN_CHARACTERS} characters or more.")
    return "random enough"


def _limits(patient: Patient) -> str:
    _need_settings(patient)
    if not config().RATE_LIMITS_ENABLED:
        raise Problem("RATE_LIMITS_ENABLED is false: passwords can be guessed without end; set it to true.")
    wide = [name for name, value, default in _bounds() if value > _factor(name) * default]
    if wide:
        raise Problem(f"So high that they stop nobody: {', '.join(wide)}; see .env.example for the defaults.")
    weak = [
        name for name in ("ARGON2_MEMORY_KIB", "ARGON2_TIME_COST") if getattr(config(), name) < getattr(Config, name)
    ]
    if weak:
        raise Problem(f"Below OWASP's floor for password hashes: {', '.join(weak)}; leave the defaults.")
    return "none is off or absurd"


def _bounds() -> Iterator[tuple[str, float, float]]:
    """(name, value, default) of each limit; of rates the strictest one, a second."""
    for name in (spec.name for spec in fields(Config)):
        value, default = getattr(config(), name), getattr(Config, name)
        if name.startswith("RATE_") and isinstance(value, str):
            yield name, _rate(value), _rate(default)
        elif name.startswith(("MAX_", "SYNC_MAX_")) or name in _LIFETIMES:
            yield name, value, default


def _rate(rule: str) -> float:
    return min(item.amount / item.get_expiry() for item in parse_many(rule))


def _factor(name: str) -> int:
    return _LIFETIME_FACTOR if name in _LIFETIMES else _FACTOR


def _directory(patient: Patient) -> str:
    _need_settings(patient)
    if config().DIRECTORY_OPEN:
        raise Note("DIRECTORY_OPEN is true: whoever registers finds everybody, and may write to them.")
    return "closed"


def _emails(patient: Patient) -> str:
    _need_settings(patient)
    if config().SHOW_EMAILS == "everybody":
        raise Note("SHOW_EMAILS is everybody: whoever registers can list all e-mail addresses of whom they find.")
    return "members of a conversation only"


def _listening(patient: Patient) -> str:
    _need_settings(patient)
    here = f"{config().HOST}:{config().PORT}"
    if config().HOST not in _EVERYWHERE:
        return f"on {here} only"
    if config().TRUSTED_PROXIES:
        raise Note(
            f"The server listens on {here}, beside the proxy: whoever reaches the port itself chooses the address that "
            "limits count; set HOST=127.0.0.1, or close the port with a firewall."
        )
    sentence = (
        f"The server listens on {here} without a proxy, so passwords and tokens travel unencrypted: put a proxy with "
        "TLS in front and set TRUSTED_PROXIES=1."
    )
    raise Problem(sentence) if config().is_production else Note(sentence)


def _https(patient: Patient) -> str:
    patient.need_server()
    parts = urlsplit(patient.url)
    if parts.scheme != "https":
        if _is_local(patient):
            raise Note("checked from this machine; pass --url https://… to see what others get")
        raise Problem("http:// lets everybody on the way read passwords and tokens: use https://.")
    if "Strict-Transport-Security" not in patient.headers:
        raise Problem(
            "No Strict-Transport-Security comes: set APP_ENV=production, TRUSTED_PROXIES to the number of proxies in "
            "front, and let the nearest one set X-Forwarded-Proto."
        )
    if parts.port in (None, 443) and _answers_unencrypted(patient, parts.hostname or ""):
        raise Problem("The API answers under http:// too: let the proxy redirect to https://.")
    return "encrypted, and browsers are told to stay so"


def _answers_unencrypted(patient: Patient, host: str) -> bool:
    url = f"http://[{host}]/api/health" if ":" in host else f"http://{host}/api/health"
    try:
        return requests.get(url, timeout=patient.timeout, allow_redirects=False).status_code == 200
    except requests.RequestException:
        return False


def _headers(patient: Patient) -> str:
    patient.need_server()
    wrong = [name for name, value in HEADERS.items() if patient.headers.get(name) != value]
    page = patient.call("GET", "/").headers
    wrong += [f"{name} (of the page)" for name in HEADERS if name not in page]
    if wrong:
        raise Problem(f"Security headers are missing or changed on the way: {', '.join(wrong)}; look at the proxy.")
    return "all there"


def _metrics(patient: Patient) -> str:
    patient.need_server()
    if patient.call("GET", "/metrics").status_code == 200:
        raise _open(patient, "/metrics is open to everybody: set METRICS_TOKEN, or close it in the proxy.")
    return "closed to strangers"


def _documents(patient: Patient) -> str:
    patient.need_server()
    if patient.call("GET", "/api/docs").status_code == 200:
        raise Note("/api/docs is open to everybody; in production it is with DOCS_ENABLED only.")
    return "closed"


def _discovery(patient: Patient) -> str:
    patient.need_server()
    found = body_of(patient.call("GET", "/api/discover", headers={"X-Forwarded-Host": "stranger.invalid"}))
    url = str(found.get("url", ""))
    if "stranger.invalid" in url:
        raise Note("/api/discover tells an address that X-Forwarded-Host chooses: set PUBLIC_URL.")
    inner = urlsplit(url).hostname != urlsplit(patient.url).hostname
    if url and inner and not _is_local(patient):
        raise Problem(f"/api/discover tells {url}, not {patient.url}: set PUBLIC_URL.")
    return f"tells {url}" if url else "closed"


def _demo(patient: Patient) -> str:
    patient.need_server()
    data = body_of(patient.call("GET", "/api/web")).get("data")
    if isinstance(data, dict) and data.get("demoUsers"):
        raise _open(patient, "The demo users' passwords are shown to everybody: set APP_ENV=production.")
    return "no demo users are offered"


def _cors(patient: Patient) -> str:
    patient.need_server()
    asked = {"Origin": _STRANGER, "Access-Control-Request-Method": "GET"}
    answer = patient.call("OPTIONS", "/api/user/contacts", headers=asked)
    polling = patient.call("GET", "/socket.io/?EIO=4&transport=polling", headers={"Origin": _STRANGER})
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    if allowed in ("*", _STRANGER):
        if answer.headers.get("Access-Control-Allow-Credentials") == "true":
            raise Problem("Every website may call with the visitor's cookies: list your origins in CORS_ORIGINS.")
        raise _open(patient, "Every website may call the API: list your web app's origins in CORS_ORIGINS.")
    if polling.status_code == 200:
        raise Problem("Every website may open sockets: does the proxy change the Origin header?")
    return "other websites are not let in"


def _rate_limits(patient: Patient) -> str:
    patient.need_server()
    if _window(patient)[0] == 0:
        raise Problem("The server counts no calls: set RATE_LIMITS_ENABLED=true, and let the proxy pass X-RateLimit-*.")
    return "calls are counted"


def _proxies(patient: Patient) -> str:
    """Is a forged X-Forwarded-For believed? A new address has its whole budget left, this machine's has not."""
    patient.need_server()
    forged = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    windows = [_window(patient), _window(patient), _window(patient, forged), _window(patient)]
    if not all(limit for limit, _ in windows):
        raise Skipped("the server does not say how it counts")
    if windows[3][1] > windows[1][1]:
        raise Skipped("a new window of the limits began meanwhile; try again")
    if windows[2][1] > windows[1][1]:
        if _is_local(patient) and config().TRUSTED_PROXIES:
            raise Note("X-Forwarded-For is believed from this machine; pass --url https://… to ask through the proxy")
        raise Problem(f"A forged X-Forwarded-For is believed, so limits can be walked around: {_MANY_PROXIES}.")
    return "a forged X-Forwarded-For is not believed"


_MANY_PROXIES = "lower TRUSTED_PROXIES to the number of proxies in front"


def _window(patient: Patient, forged: str = "") -> tuple[int, int]:
    """(limit, what is left of it) of this address, or of the one that a header claims; (0, 0) when nothing is told."""
    headers = patient.call(
        "GET", _COUNTED, headers={"X-Forwarded-For": ", ".join([forged] * _HOPS)} if forged else {}
    ).headers
    try:
        return int(headers["X-RateLimit-Limit"]), int(headers["X-RateLimit-Remaining"])
    except (KeyError, ValueError):
        return 0, 0


def _address(patient: Patient) -> str:
    """The address that the server has noted for the log-in just made."""
    patient.need_server()
    answer = patient.call("GET", "/api/auth/sessions", headers=patient.signed_in())
    rows = body_of(answer).get("data") or []
    address = next((row.get("address") for row in rows if row.get("current")), None)
    if address is None:
        raise Problem(f"The server does not tell this session's address ({answer.status_code}).")
    if not _is_local(patient) and address_key(address) in map(address_key, ("127.0.0.1", "::1")):
        raise Problem(
            f"Everybody counts as {address}, the proxy: set TRUSTED_PROXIES to the number of proxies in front."
        )
    return f"the server sees this machine as {address}; if that is a proxy, TRUSTED_PROXIES is too low"


_CHECKS: dict[str, Callable[[Patient], str]] = {
    "environment": _environment,
    "files": _files,
    "secret": _secret,
    "metrics token": _metrics_token,
    "limits": _limits,
    "directory": _directory,
    "e-mails": _emails,
    "listening": _listening,
    "health": health,
    "https": _https,
    "headers": _headers,
    "metrics": _metrics,
    "documents": _documents,
    "discovery": _discovery,
    "demo users": _demo,
    "cors": _cors,
    "counting": _rate_limits,
    "proxies": _proxies,
    "log-in": log_in,
    "address": _address,
}

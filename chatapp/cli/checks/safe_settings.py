"""This machine's settings and files, as far as they are secrets, limits or doors."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from limits import parse_many

from chatapp.cli.checks.examination import Note, Patient, Problem, Skipped
from chatapp.settings import config
from config import ROOT, Config, is_guessable

_EVERYWHERE = ("0.0.0.0", "::", "")
_SECRET_BITS = 100
_TOKEN_CHARACTERS = 16
_FACTOR = 50  # times its default: a limit that stops nobody
_LIFETIME_FACTOR = 12
_LIFETIMES = ("ACCESS_TOKEN_SECONDS", "REFRESH_TOKEN_SECONDS", "LEGACY_TOKEN_SECONDS", "REFRESH_ABSOLUTE_SECONDS")


def _need_settings(patient: Patient) -> None:
    if not patient.own and patient.url != config().PUBLIC_URL.rstrip("/"):
        raise Skipped("another server's settings (these are this one's where --url is PUBLIC_URL)")


def environment(patient: Patient) -> str:
    """Read whether the server runs as one for strangers."""
    _need_settings(patient)
    if not config().is_production:
        raise Note(
            f"APP_ENV is {config().APP_ENV}: demo users may be logged in as, metrics and documents are open, and "
            "unsafe settings are taken; set APP_ENV=production where others reach the server."
        )
    return "production"


def files(patient: Patient) -> str:
    """Look for files that other users of this machine can read."""
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


def secret(patient: Patient) -> str:
    """Estimate how hard the signing secret is to guess."""
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
    """Return how many bits there are to guess, if the characters are as independent as they look (Shannon)."""
    return sum(count * math.log2(len(text) / count) for count in Counter(text).values())


def metrics_token(patient: Patient) -> str:
    """Estimate how hard the token of /metrics is to guess."""
    _need_settings(patient)
    token = config().METRICS_TOKEN
    if not token:
        raise Note("METRICS_TOKEN is not set: /metrics is closed in production, open elsewhere.")
    if len(token) < _TOKEN_CHARACTERS or is_guessable(token):
        raise Problem(f"METRICS_TOKEN can be guessed: set a random one of {_TOKEN_CHARACTERS} characters or more.")
    return "random enough"


def limits(patient: Patient) -> str:
    """Look for limits that are off or stop nobody."""
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
    """Yield (name, value, default) of each limit; of rates the strictest one, a second."""
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


def directory(patient: Patient) -> str:
    """Read who may find whom."""
    _need_settings(patient)
    if config().DIRECTORY_OPEN:
        raise Note("DIRECTORY_OPEN is true: whoever registers finds everybody, and may write to them.")
    return "closed"


def emails(patient: Patient) -> str:
    """Read who is shown e-mail addresses."""
    _need_settings(patient)
    if config().SHOW_EMAILS == "everybody":
        raise Note("SHOW_EMAILS is everybody: whoever registers can list all e-mail addresses of whom they find.")
    return "members of a conversation only"


def listening(patient: Patient) -> str:
    """Read whether the port is open beside the proxy, or without one."""
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

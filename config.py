"""Settings: read from the environment (and `.env`) once, typed, validated all together.

Nothing else in the project reads the environment. `.env.example` lists every setting.
"""

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import load_dotenv
from environs import Env, EnvValidationError
from limits import parse_many
from marshmallow import validate
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

ROOT = Path(__file__).resolve().parent
ENVIRONMENTS = ("development", "production", "testing")
SECRET_BYTES = 32
SECRET_CHARACTERS = 9  # different ones
PLACEHOLDERS = ("changeme", "change-me", "change_me", "secret", "password", "example", "placeholder", "your-", "your_")
PLATFORMS = ("DYNO", "RENDER", "FLY_", "RAILWAY_", "K_SERVICE")  # variables that hosts set
DAY = 24 * 60 * 60
ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([\w.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)
STANDARD_PORTS = {"http": "80", "https": "443"}
ADDRESSES = {
    "MONGO_URI": ("mongodb://", "mongodb+srv://", "litemongo://"),
    "REDIS_URL": ("redis://", "rediss://"),
    "PUBLIC_URL": ("http://", "https://"),
    "MEDIA_ORIGIN": ("http://", "https://"),
    "MEDIA_S3_ENDPOINT": ("http://", "https://"),
}


class ConfigError(Exception):
    """The settings can't be used. `problems` has one sentence for each, all of them at once; `values` are the settings,
    with the default where one is wrong."""

    def __init__(self, problems: list[str], values: dict[str, Any] | None = None):
        self.problems = problems
        self.values = values or {}
        super().__init__("chatapp can't start:\n" + "\n".join(f"  {problem}" for problem in problems))


@lru_cache(maxsize=256)
def canonical_origin(text: str) -> str:
    """Return an origin as browsers write it: lower case, without the scheme's own port or a final dot, names in ASCII.

    Anything else comes back as it is.
    """
    match = ORIGIN.fullmatch(text)
    if match is None:
        return text
    scheme, host, port = match[1].lower(), match[2].lower().removesuffix("."), match[3]
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        return text
    return f"{scheme}://{host}" + (f":{port}" if port and port != STANDARD_PORTS.get(scheme) else "")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting with its default. Times are in seconds unless the name says otherwise."""

    APP_ENV: str = "development"
    HOST: str = "0.0.0.0"
    PORT: int = 3000
    PUBLIC_URL: str = ""
    INSTANCE_DIR: str = "instance"
    WEB_DIR: str = "clients/web/dist"
    WEB_CONCURRENCY: int = 1
    WORKER_CONNECTIONS: int = 12_000
    DRAIN_SECONDS: int = 8

    MONGO_URI: str = ""
    MONGO_DATABASE: str = "chatapp"
    MONGO_MAX_POOL_SIZE: int = 10
    MONGO_MIN_POOL_SIZE: int = 2
    MONGO_SERVER_SELECTION_MS: int = 5_000
    MONGO_CONNECT_TIMEOUT_MS: int = 5_000
    MONGO_SOCKET_TIMEOUT_MS: int = 45_000
    MONGO_WAIT_QUEUE_MS: int = 5_000
    WRITE_BEHIND_MS: int = 50

    JWT_SECRET: str = field(default="", repr=False)
    ACCESS_TOKEN_SECONDS: int = 60 * 60
    REFRESH_TOKEN_SECONDS: int = 30 * DAY
    LEGACY_TOKEN_SECONDS: int = 7 * DAY
    REFRESH_ABSOLUTE_SECONDS: int = 180 * DAY
    REFRESH_GRACE_SECONDS: int = 30
    MAX_SESSIONS_PER_USER: int = 100
    TOKEN_WARNING_SECONDS: int = 60
    ARGON2_MEMORY_KIB: int = 19_456
    ARGON2_TIME_COST: int = 2
    ARGON2_PARALLELISM: int = 1
    PASSWORD_HASH_THREADS: int = 2
    PASSWORD_HASH_QUEUE: int = 100

    CORS_ORIGINS: tuple[str, ...] = ("*",)
    TRUSTED_PROXIES: int = 0
    REDIS_URL: str = field(default="", repr=False)
    RATE_LIMITS_ENABLED: bool = True
    RATE_ANONYMOUS: str = "5000 per 15 minutes"
    RATE_SESSION: str = "100 per 15 minutes"
    RATE_REGISTRATIONS_ADDRESS: str = "200 per hour"
    RATE_USER: str = "600 per minute"
    RATE_SENDS: str = "100 per 10 seconds; 1200 per 10 minutes"
    RATE_ACTIONS: str = "100 per 10 seconds; 1200 per 10 minutes"
    RATE_FILES: str = "20000 per 15 minutes"
    RATE_ANONYMOUS_VOICE: str = "10 per 10 minutes"
    RATE_LOGIN_ACCOUNT: str = "20 per 15 minutes"
    RATE_LOGIN_ACCOUNT_ANYWHERE: str = "200 per 15 minutes"
    RATE_LOGIN_ADDRESS: str = "400 per 15 minutes"
    RATE_LOGIN_SUCCESSES: str = "100 per 15 minutes"
    RATE_CONNECTS_ADDRESS: str = "3000 per minute"
    RATE_CONNECTS_USER: str = "60 per minute"
    RATE_HANDSHAKES_ADDRESS: str = "6000 per minute"
    MAX_SOCKETS_PER_ADDRESS: int = 5_000
    MAX_IDLE_PER_ADDRESS: int = 3_000
    MAX_SOCKETS_PER_USER: int = 20
    RATE_GROUP_ADDS: str = "300 per hour"
    RATE_ADDRESS_LOOKUPS: str = "120 per hour"
    RATE_SEARCHES: str = "60 per minute; 1000 per hour"
    RATE_LINK_PREVIEWS: str = "30 per minute; 300 per hour"

    ENGINE: str = "chatapp"
    CONNECT_TIMEOUT: float = 10
    MAX_SOCKET_BUFFER_BYTES: int = 1_000_000
    SLOW_CLIENT_SECONDS: float = 30
    PING_INTERVAL: float = 25
    PING_TIMEOUT: float = 60
    MAX_FRAME_BYTES: int = 1_000_000
    MAX_FRAMES_PER_SECOND: int = 300
    MAX_BODY_BYTES: int = 1_000_000
    MAX_TEXT_LENGTH: int = 10_000
    MAX_TEXT_BYTES: int = 65_536
    MAX_GROUP_SIZE: int = 256
    CLAMD_ADDRESS: str = ""
    LINK_PREVIEWS: bool = True
    OUTBOUND_ALLOW: tuple[str, ...] = ()
    MAX_FILE_BYTES: int = 100_000_000
    MEDIA_BYTES_PER_DAY: int = 500_000_000
    MEDIA_BYTES_PER_USER: int = 5_000_000_000
    UPLOAD_SECONDS: int = DAY
    MEDIA_ORIGIN: str = ""
    ALLOW_ANONYMOUS_VOICE: bool = False
    MEDIA_URL_SECONDS: int = DAY
    MEDIA_S3_BUCKET: str = ""
    MEDIA_S3_ENDPOINT: str = ""
    MEDIA_S3_REGION: str = "us-east-1"
    MEDIA_S3_KEY_ID: str = ""
    MEDIA_S3_SECRET: str = field(default="", repr=False)
    EDIT_WINDOW_SECONDS: int = 172_800
    EDIT_HISTORY: str = "all"
    DELETE_WINDOW_SECONDS: int = 0
    DIRECTORY_OPEN: bool = True
    SHOW_EMAILS: str = "members"
    SYNC_MAX_ENTRIES: int = 1_000
    SYNC_MAX_BYTES: int = 500_000
    SYNC_MAX_CONVERSATIONS: int = 200
    SYNC_MAX_CURSORS: int = 10_000
    SYNC_GAP_ENTRIES: int = 100
    SYNC_NEWEST_ENTRIES: int = 30
    LONG_POLL_SECONDS: int = 30

    LOG_LEVEL: str = "INFO"
    LOG_FORMAT: str = "console"
    SLOW_REQUEST_MS: int = 1_000
    SLOW_COMMAND_MS: int = 250
    LOOP_HELD_MS: int = 50
    DOCS_ENABLED: bool = False
    METRICS_TOKEN: str = field(default="", repr=False)
    METRICS_REPORT_SECONDS: int = 300

    def __post_init__(self) -> None:
        """Bring origins to one spelling, whoever compares them."""
        object.__setattr__(self, "CORS_ORIGINS", tuple(canonical_origin(origin) for origin in self.CORS_ORIGINS))

    @property
    def is_production(self) -> bool:
        return self.APP_ENV == "production"

    @property
    def instance_path(self) -> Path:
        """The folder for what this machine keeps: the embedded store and the development secret."""
        return ROOT / self.INSTANCE_DIR

    @property
    def web_path(self) -> Path:
        """The folder of the built web app."""
        return ROOT / self.WEB_DIR

    @property
    def is_web_built(self) -> bool:
        """Return whether there is a web app to serve."""
        return (self.web_path / "index.html").is_file()

    @property
    def store_uri(self) -> str:
        """MONGO_URI, or the embedded store's address where none is set."""
        return self.MONGO_URI or f"litemongo://{self.instance_path / 'store'}"


@dataclass(frozen=True, kw_only=True)
class TestConfig(Config):
    """The settings of the tests: cheap password hashing, limits that only limit tests reach."""

    __test__ = False  # not a test class, whatever its name makes pytest think

    APP_ENV: str = "testing"
    JWT_SECRET: str = field(default="only-for-tests-" + "0" * 32, repr=False)
    ARGON2_MEMORY_KIB: int = 64
    ARGON2_TIME_COST: int = 1
    RATE_ANONYMOUS: str = "100000 per minute"
    RATE_SESSION: str = "100000 per minute"
    RATE_REGISTRATIONS_ADDRESS: str = "100000 per minute"
    RATE_USER: str = "100000 per minute"
    RATE_SENDS: str = "100000 per minute"
    RATE_ACTIONS: str = "100000 per minute"
    RATE_FILES: str = "100000 per minute"
    RATE_LOGIN_ACCOUNT: str = "100000 per minute"
    RATE_LOGIN_ACCOUNT_ANYWHERE: str = "100000 per minute"
    RATE_LOGIN_ADDRESS: str = "100000 per minute"
    RATE_LOGIN_SUCCESSES: str = "100000 per minute"
    RATE_CONNECTS_ADDRESS: str = "100000 per minute"
    RATE_CONNECTS_USER: str = "100000 per minute"
    RATE_HANDSHAKES_ADDRESS: str = "100000 per minute"
    MAX_SOCKETS_PER_USER: int = 10_000
    RATE_GROUP_ADDS: str = "100000 per minute"
    RATE_ADDRESS_LOOKUPS: str = "100000 per minute"
    RATE_SEARCHES: str = "100000 per minute"
    RATE_LINK_PREVIEWS: str = "100000 per minute"
    LINK_PREVIEWS: bool = False  # a test that wants them allows the server that it calls
    METRICS_REPORT_SECONDS: int = 0
    LOG_LEVEL: str = "WARNING"


def load(**overrides: Any) -> Config:
    """Return the settings of this process.

    Keyword arguments win over the environment (a test or a script sets them).
    Raises ConfigError with every problem that was found.
    """
    env = Env(eager=False)
    load_dotenv(ROOT / ".env", encoding="utf-8-sig")  # some editors begin a file with a byte order mark
    values = _read(env)
    invalid = _invalid(env)
    values |= {spec.name: spec.default for spec in fields(Config) if spec.name in invalid}  # to check the others
    values |= overrides
    problems = [f"{name}: {text}" for name, text in invalid.items()]
    problems += _production_problems(values) if values["APP_ENV"] == "production" else []
    problems += _platform_problems()
    problems += _general_problems(values) + _format_problems(values)
    if problems:
        wrong = {problem.partition(":")[0] for problem in problems}
        raise ConfigError(problems, values | {spec.name: spec.default for spec in fields(Config) if spec.name in wrong})
    if not values["JWT_SECRET"]:
        values["JWT_SECRET"] = _development_secret(ROOT / values["INSTANCE_DIR"])
    return Config(**values)


def _read(env: Env) -> dict[str, Any]:
    """Return each field of Config from the environment, by the field's type; stricter rules follow the loop."""
    positive = validate.Range(min=1)
    values: dict[str, Any] = {}
    app_env = env.str("APP_ENV", "development", validate=validate.OneOf(ENVIRONMENTS))
    for spec in fields(Config):
        name: str = spec.name
        default: Any = spec.default
        if isinstance(default, bool):
            values[name] = env.bool(name, default)
        elif spec.type in (float, "float"):
            values[name] = env.float(name, default, validate=validate.Range(min=0.05))
        elif isinstance(default, int):
            zero_allowed = name in ("TRUSTED_PROXIES", "METRICS_REPORT_SECONDS", "PORT", "WRITE_BEHIND_MS")
            zero_allowed = zero_allowed or name in ("EDIT_WINDOW_SECONDS", "DELETE_WINDOW_SECONDS")
            values[name] = env.int(name, default, validate=validate.Range(min=0) if zero_allowed else positive)
        elif isinstance(default, tuple):
            fallback = [] if app_env == "production" else list(default)
            values[name] = tuple(env.list(name, fallback, subcast=str) or ())
        else:
            values[name] = env.str(name, default)
    values["APP_ENV"] = app_env
    values["PORT"] = env.int("PORT", 3000, validate=validate.Range(min=0, max=65_535))
    values["ENGINE"] = env.str("ENGINE", "chatapp", validate=validate.OneOf(("chatapp", "stock")))
    values["EDIT_HISTORY"] = env.str("EDIT_HISTORY", "all", validate=validate.OneOf(("all", "none")))
    values["SHOW_EMAILS"] = env.str("SHOW_EMAILS", "members", validate=validate.OneOf(("members", "everybody")))
    values["LOG_LEVEL"] = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR")))
    values["LOG_FORMAT"] = env.str(
        "LOG_FORMAT",
        "json" if app_env == "production" else "console",
        validate=validate.OneOf(("json", "console")),
    )
    return values


def _invalid(env: Env) -> dict[str, str]:
    """Return the problems of settings that don't have their type or range, by name."""
    try:
        env.seal()
    except EnvValidationError as error:
        messages: Any = error.error_messages
        return {name: " ".join(dict.fromkeys(map(str, texts))) for name, texts in messages.items()}
    return {}


def _general_problems(values: dict[str, Any]) -> list[str]:
    problems = []
    secret = values["JWT_SECRET"]
    if secret and len(secret.encode()) < SECRET_BYTES:
        problems.append(
            f"JWT_SECRET: has {len(secret.encode())} bytes; set one of {SECRET_BYTES} or more: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    if values["WEB_CONCURRENCY"] > 1 and not values["MONGO_URI"].startswith(ADDRESSES["MONGO_URI"][:2]):
        problems.append(
            f"WEB_CONCURRENCY: is {values['WEB_CONCURRENCY']}, but the embedded store serves one process; set "
            "MONGO_URI to a MongoDB's address, or WEB_CONCURRENCY=1."
        )
    if values["WEB_CONCURRENCY"] > 1 and values["ENGINE"] == "stock":
        problems.append(
            f"WEB_CONCURRENCY: is {values['WEB_CONCURRENCY']}, but ENGINE=stock serves one process; set "
            "ENGINE=chatapp, or WEB_CONCURRENCY=1."
        )
    if values["MAX_BODY_BYTES"] < 2 * values["MAX_TEXT_BYTES"]:
        problems.append("MAX_BODY_BYTES: has to be at least twice MAX_TEXT_BYTES; raise it.")
    if values["MAX_FRAME_BYTES"] < 2 * values["MAX_TEXT_BYTES"]:
        problems.append("MAX_FRAME_BYTES: has to be at least twice MAX_TEXT_BYTES; raise it.")
    if values["MONGO_MIN_POOL_SIZE"] > values["MONGO_MAX_POOL_SIZE"]:
        problems.append("MONGO_MIN_POOL_SIZE: is above MONGO_MAX_POOL_SIZE; lower it.")
    return problems


def _format_problems(values: dict[str, Any]) -> list[str]:
    """Return the problems of settings whose text would fail only when it is used."""
    problems = []
    for name, schemes in ADDRESSES.items():
        if values[name] and not values[name].startswith(schemes):
            problems.append(f"{name}: has to start with {' or '.join(schemes)}; correct it.")
    if values["REDIS_URL"].startswith(ADDRESSES["REDIS_URL"]) and not _names_a_host(values["REDIS_URL"]):
        problems.append(
            "REDIS_URL: can't be read; write it like redis://user:password@host:6379/0, with special characters of the "
            "password percent-encoded (@ is %40)."
        )
    if values["MONGO_URI"].startswith(ADDRESSES["MONGO_URI"][:2]):
        try:
            parse_uri("mongodb://" + values["MONGO_URI"].partition("://")[2])  # a +srv one would be looked up
        except (PyMongoError, ValueError):
            problems.append(
                "MONGO_URI: can't be read; write it like mongodb://user:password@host:27017/chatapp, with special "
                "characters of the password percent-encoded (@ is %40)."
            )
    for origin in values["CORS_ORIGINS"]:
        if origin != "*" and "*" in origin:
            problems.append(f"CORS_ORIGINS: {origin} has a wildcard; list each origin, like https://chat.example.com.")
        elif origin != "*" and not ORIGIN.fullmatch(origin):
            problems.append(
                f"CORS_ORIGINS: {origin} is no origin; write it like https://chat.example.com, without a path."
            )
    for name in (spec.name for spec in fields(Config) if spec.name.startswith("RATE_") and spec.type is str):
        try:
            parse_many(values[name])
        except ValueError:
            problems.append(f"{name}: {values[name]!r} is no rate; write it like '100 per 15 minutes'.")
    return problems


def _names_a_host(url: str) -> bool:
    """Return whether this address has a host, a possible port, and no path but the number of a database."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and (parts.path in ("", "/") or parts.path[1:].isdigit())
    except ValueError:
        return False


def _platform_problems() -> list[str]:
    """Return the problem of a platform's process without APP_ENV: it would serve as development, with demo users."""
    found = [name for name in sorted(os.environ) if name.startswith(PLATFORMS)]
    if found and os.environ.get("PORT") and not os.environ.get("APP_ENV"):
        return [f"APP_ENV: is missing, and {found[0]} says that this is a platform; set APP_ENV=production."]
    return []


def is_guessable(secret: str) -> bool:
    """Return whether it is repetitive or a placeholder. 32 random bytes have many different characters, as hex too."""
    repeats = (secret + secret).find(secret, 1) < len(secret)
    return repeats or len(set(secret)) < SECRET_CHARACTERS or any(word in secret.lower() for word in PLACEHOLDERS)


def _production_problems(values: dict[str, Any]) -> list[str]:
    problems = []
    if not values["MONGO_URI"]:
        problems.append("MONGO_URI: is missing; set it to your MongoDB's address (mongodb:// or mongodb+srv://).")
    elif values["MONGO_URI"].startswith("litemongo:"):
        problems.append(
            "MONGO_URI: has to start with mongodb:// or mongodb+srv:// in production; the embedded "
            "store is for one machine's development."
        )
    if not values["JWT_SECRET"]:
        problems.append(
            f"JWT_SECRET: is missing; set a random one of {SECRET_BYTES} bytes or more: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    elif len(values["JWT_SECRET"].encode()) >= SECRET_BYTES and is_guessable(values["JWT_SECRET"]):
        problems.append(
            "JWT_SECRET: can be guessed; set a random one: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    if not values["CORS_ORIGINS"]:
        problems.append(
            "CORS_ORIGINS: is missing; list your web app's origins, like https://chat.example.com "
            "(native apps need none: set it to your own address)."
        )
    elif "*" in values["CORS_ORIGINS"]:
        problems.append("CORS_ORIGINS: is * in production; list your web app's origins, like https://chat.example.com.")
    return problems


def keep_private(folder: Path, files: Iterable[str]) -> None:
    """Make a folder that only this user can enter, in which only this user can read these files (patterns).

    A folder around the project, another user's, and a shared one like /tmp stay as they are. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX and not ROOT.is_relative_to(folder.resolve()):
        folder.chmod(0o700)
    for path in (path for pattern in files for path in folder.glob(pattern)):
        if path.is_file() and not path.is_symlink() and path.stat().st_uid == os.geteuid():
            path.chmod(0o600)


def _development_secret(folder: Path) -> str:
    """Return the secret that development made once, so that tokens survive a restart."""
    path = folder / "jwt_secret"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            path.chmod(0o600)
        if path.exists() and (secret := path.read_text().strip()):
            return secret
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # several processes may be the first
            secret = file.read().strip()
            if not secret:
                secret = secrets.token_urlsafe(48)
                file.write(secret)
            return secret
    except OSError as error:
        raise ConfigError(
            [f"INSTANCE_DIR: {folder} can't be written ({error.strerror}); make it writable or set another."]
        ) from None

"""This installation: its database, its one worker process and the address that it listens on."""

import socket
from urllib.parse import urlsplit

from chatapp import errors
from chatapp.cli.checks.examination import LOCAL, Patient, Problem, Skipped
from chatapp.database import ping, store_name
from chatapp.media_inspection import decoders
from chatapp.media_inspection.clamd import ScannerUnavailable, ping_scanner
from chatapp.services import migrations
from chatapp.settings import config
from chatapp.stores import meta as meta_store
from chatapp.stores import users as user_store


def database(patient: Patient) -> str:
    """Reach the database, which has to be chatapp's."""
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


def indexes(patient: Patient) -> str:
    """Look for migrations that have not run, and indexes that are missing."""
    patient.need_database()
    todo = migrations.pending()
    missing = [name for name, indexes in meta_store.index_names().items() if len(indexes - {"_id_"}) == 0]
    if todo or missing:
        raise Problem("Indexes or migrations are missing: run `flask --app wsgi migrate`.")
    return "all migrations ran"


def users(patient: Patient) -> str:
    """Count the users: one alone has no contacts."""
    patient.need_database()
    count = user_store.count()
    if count == 0:
        raise Problem("There are no users: run `flask --app wsgi seed`, or register some.")
    if count == 1:
        raise Problem("There is only one user, who sees no contacts: register another, or run `flask --app wsgi seed`.")
    return f"{count} users"


def workers(patient: Patient) -> str:
    """Read how many worker processes are set."""
    wanted = config().WEB_CONCURRENCY
    if not patient.own or wanted == 1:
        return "one worker process"
    if not config().MONGO_URI.startswith("mongodb"):
        raise Problem(f"WEB_CONCURRENCY is {wanted}, but the embedded store serves one process: set MONGO_URI.")
    if config().ENGINE == "stock":
        raise Problem(f"WEB_CONCURRENCY is {wanted}, but ENGINE=stock serves one process: set ENGINE=chatapp.")
    return f"{wanted} worker processes"


def media(patient: Patient) -> str:
    """Look for the decoders of pictures, video and sound, and for the scanner that the settings name."""
    if off := decoders.that_are_off():
        raise Problem(
            f"Files of these kinds are taken as documents, for this machine has no decoder: {', '.join(off)}. "
            "Run `make run` again, or install requirements.txt, on a machine with wheels for them."
        )
    if not config().CLAMD_ADDRESS:
        return "pictures, video and sound are decoded; malware is not looked for (CLAMD_ADDRESS)"
    try:
        ping_scanner(config().CLAMD_ADDRESS)
    except ScannerUnavailable as unavailable:
        raise Problem(f"{unavailable}: check CLAMD_ADDRESS; until then no file is let through.") from None
    return "pictures, video and sound are decoded, and clamd looks for malware"


def binding(patient: Patient) -> str:
    """Reach the server under this machine's address in the network, as phones do."""
    host = urlsplit(patient.url).hostname or ""
    if patient.own and config().HOST in LOCAL:
        raise Problem(f"HOST is {config().HOST}, so phones can't reach the server: set HOST=0.0.0.0.")
    if host not in LOCAL:
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

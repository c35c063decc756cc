"""Checks of what a running server shows to strangers, and that it counts each of them by their own address."""

import secrets
from urllib.parse import urlsplit

import requests

from chatapp.addresses import address_key
from chatapp.api.requests import HEADERS
from chatapp.cli.checks.examination import Note, Patient, Problem, Skipped, body_of
from chatapp.settings import config

_STRANGER = "https://stranger.invalid"
_HOPS = 5  # forged ones, so that trusting any number of proxies too many is seen
_COUNTED = "/api/user/profile"  # a call without a token is counted by address there


def _open(patient: Patient, sentence: str) -> Exception:
    """Return the finding that something is open to strangers: a problem, except on a developer's own machine."""
    return Note(sentence) if patient.is_local and not config().is_production else Problem(sentence)


def https(patient: Patient) -> str:
    """Look for ways on which passwords travel unencrypted."""
    patient.need_server()
    parts = urlsplit(patient.url)
    if parts.scheme != "https":
        if patient.is_local:
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


def headers(patient: Patient) -> str:
    """Look for security headers that a proxy has dropped."""
    patient.need_server()
    wrong = [name for name, value in HEADERS.items() if patient.headers.get(name) != value]
    page = patient.call("GET", "/").headers
    wrong += [f"{name} (of the page)" for name in HEADERS if name not in page]
    if wrong:
        raise Problem(f"Security headers are missing or changed on the way: {', '.join(wrong)}; look at the proxy.")
    return "all there"


def metrics(patient: Patient) -> str:
    """Ask for /metrics without a token."""
    patient.need_server()
    if patient.call("GET", "/metrics").status_code == 200:
        raise _open(patient, "/metrics is open to everybody: set METRICS_TOKEN, or close it in the proxy.")
    return "closed to strangers"


def documents(patient: Patient) -> str:
    """Ask for the API's documents."""
    patient.need_server()
    if patient.call("GET", "/api/docs").status_code == 200:
        raise Note("/api/docs is open to everybody; in production it is with DOCS_ENABLED only.")
    return "closed"


def discovery(patient: Patient) -> str:
    """Ask whether a forged host changes the address that apps are sent to."""
    patient.need_server()
    found = body_of(patient.call("GET", "/api/discover", headers={"X-Forwarded-Host": "stranger.invalid"}))
    url = str(found.get("url", ""))
    if "stranger.invalid" in url:
        raise Note("/api/discover tells an address that X-Forwarded-Host chooses: set PUBLIC_URL.")
    inner = urlsplit(url).hostname != urlsplit(patient.url).hostname
    if url and inner and not patient.is_local:
        raise Problem(f"/api/discover tells {url}, not {patient.url}: set PUBLIC_URL.")
    return f"tells {url}" if url else "closed"


def demo_users(patient: Patient) -> str:
    """Ask whether the page offers demo users."""
    patient.need_server()
    data = body_of(patient.call("GET", "/api/web")).get("data")
    if isinstance(data, dict) and data.get("demoUsers"):
        raise _open(patient, "The demo users' passwords are shown to everybody: set APP_ENV=production.")
    return "no demo users are offered"


def other_websites(patient: Patient) -> str:
    """Call as a page of another website does."""
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


def counting(patient: Patient) -> str:
    """Ask whether calls are counted."""
    patient.need_server()
    if _window(patient)[0] == 0:
        raise Problem("The server counts no calls: set RATE_LIMITS_ENABLED=true, and let the proxy pass X-RateLimit-*.")
    return "calls are counted"


def proxies(patient: Patient) -> str:
    """Ask whether a forged X-Forwarded-For is believed: a new address would have its whole budget left."""
    patient.need_server()
    forged = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    windows = [_window(patient), _window(patient), _window(patient, forged), _window(patient)]
    if not all(limit for limit, _ in windows):
        raise Skipped("the server does not say how it counts")
    if windows[3][1] > windows[1][1]:
        raise Skipped("a new window of the limits began meanwhile; try again")
    if windows[2][1] > windows[1][1]:
        if patient.is_local and config().TRUSTED_PROXIES:
            raise Note("X-Forwarded-For is believed from this machine; pass --url https://… to ask through the proxy")
        raise Problem(
            "A forged X-Forwarded-For is believed, so limits can be walked around: "
            "lower TRUSTED_PROXIES to the number of proxies in front."
        )
    return "a forged X-Forwarded-For is not believed"


def _window(patient: Patient, forged: str = "") -> tuple[int, int]:
    """Return (limit, what is left) of this address, or of the one that a header claims; (0, 0) if it is not told."""
    headers = patient.call(
        "GET", _COUNTED, headers={"X-Forwarded-For": ", ".join([forged] * _HOPS)} if forged else {}
    ).headers
    try:
        return int(headers["X-RateLimit-Limit"]), int(headers["X-RateLimit-Remaining"])
    except (KeyError, ValueError):
        return 0, 0


def address(patient: Patient) -> str:
    """Read which address the server has noted for the log-in just made."""
    patient.need_server()
    answer = patient.call("GET", "/api/auth/sessions", headers=patient.signed_in())
    rows = body_of(answer).get("data") or []
    address = next((row.get("address") for row in rows if row.get("current")), None)
    if address is None:
        raise Problem(f"The server does not tell this session's address ({answer.status_code}).")
    if not patient.is_local and address_key(address) in map(address_key, ("127.0.0.1", "::1")):
        raise Problem(
            f"Everybody counts as {address}, the proxy: set TRUSTED_PROXIES to the number of proxies in front."
        )
    return f"the server sees this machine as {address}; if that is a proxy, TRUSTED_PROXIES is too low"

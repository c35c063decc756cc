"""Checks that clients get through to the server: HTTP, its clock, other origins, and both transports of Socket.IO."""

import re
import time
from email.utils import parsedate_to_datetime

import orjson
import websocket

from chatapp.cli.checks.examination import Patient, Problem, Skipped, body_of

_CLOCK_SKEW_SECONDS = 60


def health(patient: Patient) -> str:
    """Ask whether chatapp answers at all."""
    answer = patient.call("GET", "/api/health")
    patient.headers = answer.headers
    if answer.status_code != 200 or body_of(answer).get("status") != "ok":
        raise Problem(
            f"/api/health answered {answer.status_code}, not chatapp's answer: is another program on this port?"
        )
    patient.reachable = True
    return "answers"


def clock(patient: Patient) -> str:
    """Compare this machine's clock with the server's."""
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


def readiness(patient: Patient) -> str:
    """Ask whether the server reaches its database."""
    patient.need_server()
    answer = patient.call("GET", "/api/health/ready")
    if answer.status_code != 200:
        code = (body_of(answer).get("error") or {}).get("code", answer.status_code)
        raise Problem(f"The server is up but not ready ({code}): check its database and its log.")
    return "database answers the server"


def allowed_origin(patient: Patient) -> str:
    """Ask whether the web app of `--origin` may call the API and open sockets."""
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


def polling(patient: Patient) -> str:
    """Make a handshake by long-polling."""
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


def web_socket(patient: Patient) -> str:
    """Make a handshake by WebSocket."""
    patient.need_server()
    address = re.sub("^http", "ws", patient.url) + "/socket.io/?EIO=4&transport=websocket"
    try:
        # Without an origin, as native apps come: the address that is checked may be none of CORS_ORIGINS.
        connection = websocket.create_connection(
            address, timeout=patient.timeout, origin=patient.origin, suppress_origin=not patient.origin
        )
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

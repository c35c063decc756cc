"""One user's log-in, token and contacts: the seed's reasons for an empty contact list."""

import base64
from typing import Any

import orjson

from chatapp import clock
from chatapp.cli.checks.examination import Patient, Problem, Skipped, body_of
from chatapp.ids import object_id
from chatapp.stores import users as user_store


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


def token(patient: Patient) -> str:
    """Read how long the token is valid."""
    patient.signed_in()
    claims = _claims(patient.token or "")
    left = int(claims.get("exp", 0)) - clock.timestamp()
    if left <= 0:
        raise Problem("The token has expired: log in again, or refresh it (POST /api/auth/refresh).")
    return f"valid for {left // 60} min"


def token_user(patient: Patient) -> str:
    """Ask whether the server takes the token, and whether its user exists."""
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


def contacts(patient: Patient) -> str:
    """Ask for the first contact."""
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


def _claims(token: str) -> dict[str, Any]:
    """Return the claims of a token, unverified: the server verifies them in the next check."""
    try:
        part = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        raise Problem("This is no token: pass the `token` that a log-in answers.") from None
    return claims if isinstance(claims, dict) else {}

"""Discovery routes of the old apps, and metrics."""

import hmac
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from chatapp import clock, errors, metrics
from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.server import DiscoverOut, SuccessOut
from chatapp.settings import config

bp = Blueprint("legacy", __name__)


def base_url() -> str:
    """Return the address under which clients reach this server."""
    return config().PUBLIC_URL.rstrip("/") or request.host_url.rstrip("/")


@bp.get("/api/test-connection")
@endpoint(out=SuccessOut, signed_in=False)
def test_connection() -> Answer:
    """Answer old apps, which ask this before they log in."""
    return {
        "message": "Connection successful",
        "timestamp": clock.iso(clock.now()),
        "url": base_url(),
    }


@bp.get("/api/discover")
@endpoint(out=DiscoverOut, signed_in=False)
def discover() -> Answer:
    """Return the public base URL, never an inner address."""
    url = base_url()
    parts = urlsplit(url)
    return {
        "ip": parts.hostname,
        "port": parts.port or (443 if parts.scheme == "https" else 80),
        "url": url,
    }


@bp.get("/metrics")
def get_metrics() -> Response:
    """Return metrics for Prometheus; outside development only with METRICS_TOKEN as Bearer token."""
    wanted = config().METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if wanted or config().is_production:
        if not wanted or not hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
            raise errors.Unauthorized(Code.TOKEN_INVALID, "Send METRICS_TOKEN as Bearer token")
    return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)

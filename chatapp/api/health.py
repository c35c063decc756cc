"""Health: cheap, never limited, and honest about what is not ready."""

import gevent
import structlog
from flask import Blueprint

from chatapp import clock, errors, lifecycle
from chatapp.api.endpoint import Answer, endpoint
from chatapp.database import ping
from chatapp.errors import Code
from chatapp.realtime import others
from chatapp.schemas.answers.server import HealthOut, ReadyOut

bp = Blueprint("health", __name__)
logger = structlog.get_logger("chatapp.health")
_DATABASE_SECONDS = 3


@bp.get("/health")
@endpoint(out=HealthOut, signed_in=False)
def health() -> Answer:
    """Answer that the process is there, without asking the database."""
    return status()


def status() -> Answer:
    """Return the answer to a health check."""
    return {"status": "ok", "timestamp": clock.iso(clock.now())}


@bp.get("/health/live")
@endpoint(out=HealthOut, signed_in=False)
def live() -> Answer:
    """Answer the same to orchestrators, which restart the process when this fails."""
    return status()


@bp.get("/health/ready")
@endpoint(
    out=ReadyOut,
    codes=(Code.SHUTTING_DOWN, Code.DATABASE_UNAVAILABLE),
    signed_in=False,
)
def ready() -> Answer:
    """Answer whether it can serve: 503 while the database is out of reach or the process is stopping."""
    if lifecycle.is_draining():
        raise errors.Unavailable(Code.SHUTTING_DOWN, "The server is stopping", 5)
    try:
        with gevent.Timeout(_DATABASE_SECONDS):
            ping()
    except gevent.Timeout:
        raise errors.Unavailable(
            Code.DATABASE_UNAVAILABLE, f"The database did not answer within {_DATABASE_SECONDS} s", 5
        ) from None
    except Exception as error:  # any of the driver's: readiness has to say which kind it is
        known = errors.from_exception(error)
        if isinstance(known, errors.Unavailable):
            raise
        logger.exception("the database refuses to answer")
        raise errors.Unavailable(Code.DATABASE_UNAVAILABLE, "The database refuses to answer", 5) from None
    bus = others.current().state()
    return {
        "status": "ready",
        "checks": {"database": "ok"},
        **({"details": {"bus": bus}} if bus else {}),
        "timestamp": clock.iso(clock.now()),
    }

"""The body of a request that brings a file: read in pieces, each in its turn, for as long as something comes."""

from collections.abc import Iterator
from wsgiref.types import WSGIEnvironment

from chatapp.engine import fair_queue
from chatapp.engine.http_handler import KEY

PIECE_BYTES = 65_536


def pieces(environ: WSGIEnvironment) -> Iterator[bytes]:
    """Yield the body. Each piece has the time that others' whole bodies have. Raises OSError where it breaks off."""
    body, connection = environ["wsgi.input"], environ.get(KEY)
    while data := body.read(PIECE_BYTES):
        yield data
        if connection is not None:
            connection.expect_body(False)
        fair_queue.current().go_on()

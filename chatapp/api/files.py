"""Files by their signed addresses, for browsers: in parts, and only anew where they have changed."""

from flask import Blueprint, Response, request

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.media import AttachmentOut
from chatapp.schemas.media import SignIn
from chatapp.services.accounts.tokens import Identity
from chatapp.services.media import serving
from chatapp.services.media.serving import Served

bp = Blueprint("files", __name__)


@bp.get("/media/<media_id>/<name>")
@endpoint(
    out={200: None, 206: None, 302: None, 304: None, 416: None},
    codes=(Code.MEDIA_FORBIDDEN, Code.MEDIA_EXPIRED, Code.MEDIA_NOT_FOUND, Code.STORAGE_UNAVAILABLE),
    signed_in=False,
)
def get_file(media_id: str, name: str) -> Response:
    """Return a file, or a range of it, to whoever has its signed address."""
    query = request.args.get
    file = serving.find(media_id, name, query("c", ""), query("e", ""), query("w", ""), query("s", ""))
    if file.address is not None:
        return _elsewhere(file.address)
    response = _unchanged() if request.if_none_match.contains(file.etag) else _bytes(file)
    response.headers.update(file.headers)
    response.headers["Accept-Ranges"] = "bytes"
    response.set_etag(file.etag)
    return response


@bp.post("/api/media/<media_id>/url")
@endpoint(body=SignIn, out=AttachmentOut, codes=(Code.CONVERSATION_NOT_FOUND, Code.MEDIA_NOT_FOUND))
def sign(caller: Identity, media_id: str, conversation_id: str) -> Answer:
    """Return a file of a conversation with new addresses."""
    return serving.sign(caller.user_id, media_id, conversation_id)


def _elsewhere(address: str) -> Response:
    response = Response(status=302, headers={"Location": address})
    response.headers["Cache-Control"] = "private, max-age=240"
    return response


def _unchanged() -> Response:
    return Response(status=304)


def _bytes(file: Served) -> Response:
    """Return the file, the range that is asked for, or the error that there is none such."""
    wanted = request.range if request.if_range.etag in (None, file.etag) and not request.if_range.date else None
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return _part(file, 200, 0, file.size)
    found = wanted.range_for_length(file.size)
    if found is None:
        response = Response(status=416)
        response.headers["Content-Range"] = f"bytes */{file.size}"
        return response
    start, stop = found
    response = _part(file, 206, start, stop - start)
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    return response


def _part(file: Served, status: int, start: int, length: int) -> Response:
    pieces = () if request.method == "HEAD" else file.read(start, length)
    response = Response(pieces, status=status)
    response.content_length = length
    return response

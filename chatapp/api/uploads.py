"""Uploads: by tus 1.0 (https://tus.io/protocols/resumable-upload), by a form, and by the old apps' form."""

import base64
import binascii
from datetime import UTC
from math import isfinite

from bson import ObjectId
from flask import Blueprint, Response, request
from werkzeug.http import http_date

from chatapp import errors, limits
from chatapp.addresses import address_key
from chatapp.api import bodies
from chatapp.api.authentication import identity_or_error
from chatapp.api.endpoint import Answer, endpoint
from chatapp.api.legacy import base_url
from chatapp.errors import Code
from chatapp.schemas.answers.media import MediaOut, VoiceUploadedOut
from chatapp.schemas.views.media import MediaView
from chatapp.services.accounts.tokens import Identity
from chatapp.services.media import uploads
from chatapp.services.media.addresses import plain_path
from chatapp.settings import config

bp = Blueprint("uploads", __name__)
VERSION = "1.0.0"
_EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
_ALGORITHMS = ("sha1", "sha256", "md5")
_BYTES = "application/offset+octet-stream"
_FOUND = (Code.MEDIA_NOT_FOUND, Code.MEDIA_GONE, Code.UPLOAD_VERSION)
_RECEIVING = (
    Code.CONTENT_TOO_LARGE,
    Code.FILE_TOO_LARGE,
    Code.QUOTA_EXCEEDED,
    Code.REQUEST_TIMEOUT,
    Code.STORAGE_UNAVAILABLE,
    Code.UPLOAD_CHECKSUM_MISMATCH,
    Code.UPLOAD_LOCKED,
    Code.UPLOAD_OFFSET_MISMATCH,
    Code.UNSUPPORTED_MEDIA_TYPE,
)
_TOKEN = (Code.TOKEN_MISSING, Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED)
_WHOLE = (*_RECEIVING[:5], Code.MEDIA_REFUSED, Code.SERVER_BUSY)


@bp.after_request
def say_version(response: Response) -> Response:
    """Put the version of tus on every answer, errors too."""
    response.headers["Tus-Resumable"] = VERSION
    return response


@bp.route("/uploads", methods=["OPTIONS"], provide_automatic_options=False)
@bp.route("/uploads/<media_id>", methods=["OPTIONS"], provide_automatic_options=False)
def get_abilities(media_id: str = "") -> Response:
    """Say what of tus is there."""
    response = Response(status=204)
    response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = _EXTENSIONS
    response.headers["Tus-Max-Size"] = str(config().MAX_FILE_BYTES)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(_ALGORITHMS)
    return response


@bp.route("/uploads", methods=["POST"], provide_automatic_options=False)
@endpoint(out={201: None}, codes=(*_FOUND, *_RECEIVING), takes_file=True)
def begin_upload(caller: Identity) -> Response:
    """Begin an upload by tus; it may bring the first bytes. The answer's Location is the upload's address."""
    _check_version()
    metadata = _metadata()
    length = _whole_number("Upload-Length")
    has_bytes = request.mimetype == _BYTES
    checksum = _checksum() if has_bytes else None
    as_document = metadata.get("as") == "document"
    upload = uploads.begin(
        caller.user_id, length, metadata.get("filename"), metadata.get("filetype"), as_document=as_document
    )
    if has_bytes:
        upload = uploads.append(caller.user_id, upload.id, 0, bodies.pieces(length), checksum)
    response = _tus(201, upload)
    response.headers["Location"] = f"/api/uploads/{upload.id}"
    return response


@bp.route("/uploads/<media_id>", methods=["HEAD"], provide_automatic_options=False)
@endpoint(out={200: None}, codes=_FOUND)
def get_offset(caller: Identity, media_id: str) -> Response:
    """Say how much of an upload has come."""
    _check_version()
    upload = uploads.find_upload(caller.user_id, media_id)
    response = _tus(200, upload)
    response.headers["Upload-Length"] = str(upload.length)
    return response


@bp.route("/uploads/<media_id>", methods=["PATCH"], provide_automatic_options=False)
@endpoint(out={204: None}, codes=(*_FOUND, *_RECEIVING), takes_file=True)
def append_to_upload(caller: Identity, media_id: str) -> Response:
    """Take the next bytes of an upload, from Upload-Offset on."""
    _check_version()
    if request.mimetype != _BYTES:
        raise errors.ChatError(Code.UNSUPPORTED_MEDIA_TYPE, f"Send the bytes with Content-Type: {_BYTES}")
    offset, checksum = _whole_number("Upload-Offset"), _checksum()
    return _tus(204, uploads.append(caller.user_id, media_id, offset, bodies.pieces(config().MAX_FILE_BYTES), checksum))


@bp.route("/uploads/<media_id>", methods=["DELETE"], provide_automatic_options=False)
@endpoint(out={204: None}, codes=(*_FOUND, Code.MEDIA_NOT_READY, Code.STORAGE_UNAVAILABLE))
def cancel_upload(caller: Identity, media_id: str) -> Response:
    """End an upload that is not complete, and delete what has come of it."""
    _check_version()
    uploads.cancel(caller.user_id, media_id)
    return Response(status=204)


@bp.post("/upload")
@endpoint(out={201: MediaOut}, codes=_WHOLE, takes_file=True)
def upload(caller: Identity) -> tuple[Answer, int]:
    """Upload a small file by a form: `file`, and `filename`, `filetype` and `as` where they say more than the file."""
    form = bodies.read_form("file")
    return {"data": _take(caller.user_id, form)}, 201


@bp.post("/upload/voice")
@endpoint(out=VoiceUploadedOut, codes=(*_WHOLE, *_TOKEN, Code.DATABASE_UNAVAILABLE), signed_in=False, takes_file=True)
def upload_voice() -> Answer:
    """Upload a voice note, under the old apps' name: `audio`, and its `duration` in seconds."""
    owner = _owner_or_stranger()
    form = bodies.read_form("audio")
    media = _take(owner, form)
    duration = media["duration"]
    return {
        "audioUrl": base_url() + plain_path(media["id"], media["name"]),
        "duration": _seconds(form.fields.get("duration")) if duration is None else duration,
    }


def _owner_or_stranger() -> ObjectId | None:
    """Return the caller; None for a stranger who sends no token, where the settings let them in. Raises Unauthorized,
    RateLimited.
    """
    identity = identity_or_error()
    if isinstance(identity, Identity):
        return identity.user_id
    if identity.code != Code.TOKEN_MISSING or not config().ALLOW_ANONYMOUS_VOICE:
        raise identity
    limits.spend("anonymous voice", f"address:{address_key(request.remote_addr)}", config().RATE_ANONYMOUS_VOICE)
    return None


def _take(owner: ObjectId | None, form: bodies.Form) -> MediaView:
    assert form.file is not None
    try:
        return uploads.take_whole(
            owner,
            form.file.finished(),
            form.file.size,
            form.fields.get("filename") or form.name,
            form.fields.get("filetype") or form.mime,
            as_document=form.fields.get("as") == "document",
        )
    finally:
        form.file.drop()


def _seconds(text: str | None) -> float:
    """Return a duration as an old app says it, 0 where that is no number of seconds."""
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return round(seconds, 3) if isfinite(seconds) and seconds > 0 else 0.0


def _check_version() -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise errors.ChatError(Code.UPLOAD_VERSION, f"Send Tus-Resumable: {VERSION}")


def _whole_number(name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise errors.invalid(name, "Send a number of bytes in this header.")
    return int(text)


def _metadata() -> dict[str, str]:
    """Return what Upload-Metadata says: keys, and values in base64."""
    found = {}
    for pair in filter(None, map(str.strip, request.headers.get("Upload-Metadata", "").split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise errors.invalid("Upload-Metadata", f"The value of {key[:20]} is no text in base64.") from None
    return found


def _checksum() -> uploads.Checksum | None:
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm not in _ALGORITHMS or not digest:
        raise errors.invalid("Upload-Checksum", f"Send one of {', '.join(_ALGORITHMS)}, and the checksum in base64.")
    return uploads.Checksum(algorithm, digest)


def _tus(status: int, upload: uploads.Upload) -> Response:
    response = Response(status=status)
    response.headers["Upload-Offset"] = str(upload.offset)
    if upload.offset < upload.length:
        response.headers["Upload-Expires"] = http_date(upload.expires_at.replace(tzinfo=UTC))
    return response

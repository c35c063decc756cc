"""Bodies of requests that bring files: raw ones, and forms."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flask import g, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from chatapp import errors
from chatapp.engine import upload_body
from chatapp.errors import Code
from chatapp.services.media.spool import Spool
from chatapp.services.media.uploads import BrokenOff

FORM_FILE_BYTES = 10_000_000
FORM_BYTES = FORM_FILE_BYTES + 100_000  # with the fields around the file
_FIELD_BYTES = 1_000
_SECONDS = 3_600  # that an upload may take before it is logged as slow


def pieces(most: int) -> Iterator[bytes]:
    """Yield the request's body. Raises BrokenOff, and RequestEntityTooLarge where it has more than `most` bytes."""
    g.may_take_seconds = _SECONDS
    size = request.content_length or 0
    if size > most:
        raise RequestEntityTooLarge
    rest, size = upload_body.pieces(request.environ), 0
    while True:
        try:
            piece = next(rest, b"")
        except OSError:
            raise BrokenOff from None
        size += len(piece)
        if size > most:
            raise RequestEntityTooLarge
        if not piece:
            return
        yield piece


@dataclass
class Form:
    """A form with one file. `file` is None where there was none."""

    fields: dict[str, str] = field(default_factory=dict)
    file: Spool | None = None
    name: str | None = None
    mime: str | None = None


def read_form(field_name: str) -> Form:
    """Return the request's multipart form, with the file of this field, which is to be dropped after use.

    Raises BadRequest, TooLarge FILE_TOO_LARGE, BrokenOff, Unavailable, RequestEntityTooLarge.
    """
    kind, options = parse_options_header(request.headers.get("Content-Type"))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary.isascii() or not boundary:
        raise errors.invalid(field_name, "Send a form (multipart/form-data) with the file in this field.")
    reader = _Reader(field_name, boundary.encode())
    try:
        for piece in pieces(FORM_BYTES):
            reader.take(piece)
        reader.end()
    except BaseException:
        if reader.form.file is not None:
            reader.form.file.drop()
        raise
    return reader.form


class _Reader:
    """Reads a form piece by piece: the wanted file goes to a spool, short fields are kept."""

    def __init__(self, field_name: str, boundary: bytes) -> None:
        self.form = Form()
        self._field_name = field_name
        self._decoder = MultipartDecoder(boundary, max_form_memory_size=None, max_parts=20)
        self._take: Callable[[bytes], None] = _nothing
        self._value = bytearray()
        self._ended = False

    def take(self, piece: bytes | None) -> None:
        """Take a piece of the body; None is its end."""
        try:
            self._decoder.receive_data(piece)
            while not isinstance(event := self._decoder.next_event(), NeedData | Epilogue):
                self._on(event)
        except ValueError:
            raise errors.invalid("body", "The form is malformed.") from None

    def end(self) -> None:
        """Take the end of the body. Raises BadRequest where the file is missing."""
        self.take(None)
        if self.form.file is None or not self.form.file.size:
            raise errors.invalid(self._field_name, "Send a file that is not empty in this field.")

    def _on(self, event: object) -> None:
        if isinstance(event, File):
            self._begin_file(event.name, event.filename, event.headers)
        elif isinstance(event, Field):
            self._value = bytearray()
            self._name, self._take = event.name, self._add_to_field
        elif isinstance(event, Data):
            self._take(event.data)
            if not event.more_data:
                self._take = _nothing

    def _begin_file(self, name: str | None, filename: str, headers: Headers) -> None:
        self._take = _nothing
        if name == self._field_name and self.form.file is None:
            self.form.file, self.form.name = Spool(), filename
            self.form.mime = headers.get("Content-Type")
            self._take = self._add_to_file

    def _add_to_file(self, data: bytes) -> None:
        assert self.form.file is not None
        if self.form.file.size + len(data) > FORM_FILE_BYTES:
            raise errors.TooLarge(Code.FILE_TOO_LARGE, f"A form's file has at most {FORM_FILE_BYTES} bytes")
        if data:
            self.form.file.write(data)

    def _add_to_field(self, data: bytes) -> None:
        self._value += data
        if len(self._value) > _FIELD_BYTES:
            raise errors.invalid("body", "A field of the form is too long.")
        self.form.fields[self._name] = self._value.decode(errors="replace")


def _nothing(data: bytes) -> None:
    """Pass over the data of a part that nobody asks for."""

"""Fields that refuse what must never reach a filter or the store."""

import re
from collections.abc import Callable, Iterable, Sized
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from chatapp import emails, links, text

MAX_ID, MAX_EMAIL = 64, 254
LONGEST_NAME = 100
LONGEST_SPELLING = 4 * LONGEST_NAME  # of a name: with white space, decomposed
_LONGEST_TIME = 40
MAX_SEQ = 2**53 - 1
_PLAIN_ID = re.compile(r"[0-9a-f]{24}")
_HASH = re.compile(r"[0-9a-f]{16}")


Read = Callable[[Any], Any]


class Text(fields.String):
    """Text that every store and client can carry: a real string, valid Unicode, without null characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        content: str = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in content:
            raise ValidationError("Null characters are not allowed.")
        try:
            content.encode()
        except UnicodeEncodeError:
            raise ValidationError("Is not valid Unicode (a lone surrogate).") from None
        return content


class Moment(fields.DateTime):
    """A time in ISO 8601, without a zone UTC, as it is stored: UTC, cut to milliseconds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value if len(value) <= _LONGEST_TIME else "")
            moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (TypeError, ValueError, OverflowError):
            raise ValidationError("Send a time in ISO 8601, like 2026-01-31T09:30:00.000Z.") from None
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Email(Text):
    """An e-mail address, in the spelling that is stored."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return emails.read(super()._deserialize(value, attr, data, **kwargs))
        except ValueError:
            raise ValidationError("Not a valid email address.") from None


class Name(Text):
    """The name of somebody or something, as it is stored."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(min=1, max=LONGEST_NAME), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        refuse_beyond(LONGEST_SPELLING, name)  # before each character is looked at
        try:
            return text.read_name(name)
        except ValueError as problem:
            raise ValidationError(str(problem)) from None


class Label(Text):
    """The name of a device, cleaned of characters that a name may not have instead of being refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        label: str = super()._deserialize(value, attr, data, **kwargs)
        refuse_beyond(LONGEST_SPELLING, label)
        return text.clean_name(label, len(label))


def picture(**kwargs: Any) -> Text:
    """Return a field for the address of a picture; the empty text of old apps means none."""
    return Text(validate=_picture, allow_none=True, **kwargs)


def _picture(link: str) -> None:
    if link and not links.is_allowed(link):
        raise ValidationError(f"Send an https: address of at most {links.LONGEST_BYTES} bytes.")


def identifier(**kwargs: Any) -> Text:
    """Return a field for an id: any short text; the service decides whether it names something."""
    return Text(validate=validate.Length(min=1, max=MAX_ID), **kwargs)


def person(**kwargs: Any) -> Text:
    """Return a field that names a person by an id or a whole e-mail address."""
    described = {"description": "The id of a user, or their whole e-mail address"}
    return Text(validate=validate.Length(min=1, max=MAX_EMAIL), metadata=described, **kwargs)


def sequence(**kwargs: Any) -> fields.Integer:
    """Return a field for a place in a log."""
    return fields.Integer(strict=True, validate=validate.Range(min=0, max=MAX_SEQ), **kwargs)


class Several(fields.List[Any]):
    """A list of people, of bounded length. Validation ends at the first invalid element, and tells its error alone.

    marshmallow's own list makes an error for each element: 400,000 wrong ones take seconds.
    """

    def __init__(self, element: fields.Field[Any], *, most: int, least: int = 0, **kwargs: Any) -> None:
        super().__init__(element, validate=validate.Length(min=least, max=most), **kwargs)
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        refuse_beyond(self._most, value)
        if _are_plain_ids(value):  # as nearly all are: one by one takes twenty times as long
            return list(value)
        found = []
        for index, each in enumerate(value):
            try:
                found.append(self.inner.deserialize(each))
            except ValidationError as error:
                raise ValidationError({index: error.messages}) from None
        return found


def _are_plain_ids(values: Iterable[Any]) -> bool:
    try:
        return all(map(_PLAIN_ID.fullmatch, values))
    except TypeError:  # something else than a text is among them
        return False


class ById(fields.Dict):
    """The same for an object that maps ids to something."""

    def __init__(
        self, element: fields.Field[Any], *, most: int | None, read: Read | None = None, least: int = 0, **kwargs: Any
    ) -> None:
        self._most, self._keys, self._read = most, identifier(), read or element.deserialize
        bounds = [validate.Length(min=least, max=most)] if least or most else []
        super().__init__(keys=self._keys, values=element, validate=bounds, **kwargs)

    def most(self) -> int | None:
        """Return the largest number of keys."""
        return self._most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        if (most := self.most()) is not None:
            refuse_beyond(most, value)
        if _are_plain_ids(value):
            try:
                read = self._read
                return {key: read(each) for key, each in value.items()}
            except ValidationError:
                pass  # say which one
        found: dict[str, Any] = {}
        for key, each in value.items():
            try:
                found[str(self._keys.deserialize(key))] = self._read(each)
            except ValidationError as error:
                raise ValidationError({key[:MAX_ID]: error.messages}) from None
        return found


class Few(fields.List[Any]):
    """A list of objects, of bounded length, which is measured before any of them is looked at."""

    def __init__(self, element: fields.Field[Any], *, most: int, **kwargs: Any) -> None:
        super().__init__(element, validate=validate.Length(max=most), **kwargs)
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            refuse_beyond(self._most, value)
        found: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        return found


def refuse_beyond(most: int, given: Sized) -> None:
    """Raise ValidationError when there are more than `most`, before any is looked at."""
    if len(given) > most:
        raise ValidationError(f"Longer than maximum length {most}.")


class Cursor(fields.Field[tuple[int, str | None]]):
    """A client's position in a log: a seq, or `[seq, hash]` with the hash that the entry at seq was given with."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[int, str | None]:
        return cursor(value)


def cursor(value: Any) -> tuple[int, str | None]:
    """Return the cursor in a client's JSON. Raises ValidationError."""
    seq, shown_hash = value if isinstance(value, list) and len(value) == 2 else (value, None)
    if type(seq) is not int or not 0 <= seq <= MAX_SEQ:
        raise ValidationError("Send a seq, or [seq, hash].")
    if shown_hash is not None and (not isinstance(shown_hash, str) or not _HASH.fullmatch(shown_hash)):
        raise ValidationError("The hash is that of the entry at seq.")
    return seq, shown_hash


class In(Schema):
    """Input over either transport: unknown fields are ignored; a field is sent in camelCase, or by its data_key."""

    class Meta:
        unknown = EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_obj.data_key is None:
            first, *others = field_name.split("_")
            field_obj.data_key = first + "".join(map(str.capitalize, others))

    def load(self, *arguments: Any, **options: Any) -> Any:
        """Return the loaded fields. Raises ValidationError.

        marshmallow's frame keeps the error that it raises, and the error its frame: what was sent, up to a megabyte,
        would stay until the collector comes by.
        """
        try:
            return super().load(*arguments, **options)
        except ValidationError as error:
            raise error.with_traceback(None) from None

    def refuse_unparsed(self, data: bytes) -> None:
        """Raise ValidationError for JSON that is too much whatever it says: parsing it would hold up everybody."""

    def of_a_query(self) -> "In":
        """Make this schema one for a query string, where a number is text and nothing is null."""
        for field in self.fields.values():
            field.allow_none = False
            if isinstance(field, fields.Integer):
                field.strict = False
        return self

"""The opaque text that a sync gives as `next` and takes as `since`."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bson import ObjectId

from chatapp.extensions import object_id

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Token:
    """State that is newer than `since` is to be reported (None: all).

    Within a sweep: when it has `begun`, and `after` which conversation (last active, id) it goes on.
    """

    since: datetime | None
    begun: datetime | None = None
    after: tuple[datetime, ObjectId] | None = None

    @classmethod
    def read(cls, text: str | None, now: datetime) -> Self:
        """The token in a client's text. What is no token, or from the future (a clock was set back), is none."""
        try:
            parts = base64.urlsafe_b64decode((text or "").encode()).decode().split(".")
            since, begun, at = (_moment(part) for part in parts[:3])
            (last,) = parts[3:]
        except (ValueError, OverflowError, binascii.Error):
            return cls(None)
        if any(moment is not None and moment > now for moment in (since, begun)):
            return cls(None)
        last_id = object_id(last)
        if begun is None or at is None or last_id is None:
            return cls(since)
        return cls(since, begun, (at, last_id))

    def write(self) -> str:
        """The text for the client."""
        at, last = self.after or (None, "")
        moments = (self.since, self.begun if self.after else None, at)
        text = ".".join([*map(_milliseconds, moments), str(last)])
        return base64.urlsafe_b64encode(text.encode()).decode()


def _moment(text: str) -> datetime | None:
    return _EPOCH + timedelta(milliseconds=int(text)) if text else None


def _milliseconds(moment: datetime | None) -> str:
    return "" if moment is None else str(round(moment.replace(tzinfo=UTC).timestamp() * 1000))

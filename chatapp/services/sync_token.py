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
    """State that is newer than `since` is to be reported (None: all), after `position` where a page was cut there."""

    since: datetime | None
    position: tuple[datetime, ObjectId] | None = None

    @classmethod
    def read(cls, text: str | None, now: datetime) -> Self:
        """The token in a client's text. What is no token, or from the future (a clock was set back), is none."""
        try:
            since, at, last = base64.urlsafe_b64decode((text or "").encode()).decode().split(".")
            moment = _moment(since)
            last_id = object_id(last)
            reached = _moment(at)
            position = (reached, last_id) if reached is not None and last_id is not None else None
        except (ValueError, OverflowError, binascii.Error):
            return cls(None)
        return cls(None) if moment is not None and moment > now else cls(moment, position)

    def write(self) -> str:
        """The text for the client."""
        at, last = self.position or (None, "")
        text = f"{_milliseconds(self.since)}.{_milliseconds(at)}.{last}"
        return base64.urlsafe_b64encode(text.encode()).decode()


def _moment(text: str) -> datetime | None:
    return _EPOCH + timedelta(milliseconds=int(text)) if text else None


def _milliseconds(moment: datetime | None) -> str:
    return "" if moment is None else str(round(moment.replace(tzinfo=UTC).timestamp() * 1000))

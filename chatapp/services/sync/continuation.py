"""The opaque text that a sync returns as `next` and takes as `since`."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bson import ObjectId

from chatapp.ids import object_id

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Token:
    """State that is newer than `since` is to be reported (None: all).

    Within a sweep: when it has `begun`, and `after` which conversation (last active, id) it goes on. In the call that
    follows its last page there is no `after`: what the sweep has told of is known up to when it had begun, but not what
    became active meanwhile, which may have moved from a page to come to one that was over.
    """

    since: datetime | None
    begun: datetime | None = None
    after: tuple[datetime, ObjectId] | None = None

    @classmethod
    def read(cls, text: str | None, now: datetime) -> Self:
        """Return the token in a client's text; an empty one for any other text, or a future time (a clock set back)."""
        try:
            parts = base64.urlsafe_b64decode((text or "").encode()).decode().split(".")
            since, begun, at = (_moment(part) for part in parts[:3])
            (last,) = parts[3:]
        except (ValueError, OverflowError, binascii.Error):
            return cls(None)
        if any(moment is not None and moment > now for moment in (since, begun)):
            return cls(None)
        last_id = object_id(last)
        if at is None or last_id is None:
            return cls(since, begun)
        return cls(since, begun, (at, last_id)) if begun is not None else cls(since)

    def since_for(self, active_at: datetime) -> datetime | None:
        """Return the time up to which the client knows a conversation that was last active then."""
        if self.begun is None or self.after is not None or active_at > self.begun:
            return self.since
        return self.begun

    def write(self) -> str:
        """Return the text for the client."""
        at, last = self.after or (None, "")
        moments = (self.since, self.begun, at)
        text = ".".join([*map(_milliseconds, moments), str(last)])
        return base64.urlsafe_b64encode(text.encode()).decode()


def _moment(text: str) -> datetime | None:
    return _EPOCH + timedelta(milliseconds=int(text)) if text else None


def _milliseconds(moment: datetime | None) -> str:
    return "" if moment is None else str(round(moment.replace(tzinfo=UTC).timestamp() * 1000))

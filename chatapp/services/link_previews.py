"""Previews of links: the title and description that a page gives of itself.

The server asks for the page, which so learns of no user.
"""

import structlog
from cachetools import TTLCache
from gevent.lock import BoundedSemaphore

from chatapp import errors, limits, links
from chatapp.outbound.fetch import Unreachable, fetch
from chatapp.outbound.reach import NotAllowed
from chatapp.schemas.views.link_previews import LinkPreviewAnswer, LinkPreviewView
from chatapp.services import link_pages
from chatapp.services.accounts.tokens import Identity
from chatapp.settings import config
from chatapp.state import on_reset

logger = structlog.get_logger("chatapp.link_previews")
AT_ONCE = 8  # fetches of one process
KEPT, KEPT_SECONDS = 1_000, 10 * 60
_known: TTLCache[str, LinkPreviewView | None] = TTLCache(KEPT, KEPT_SECONDS)
_turns = BoundedSemaphore(AT_ONCE)
_ACCEPT = {"Accept": "text/html,application/xhtml+xml"}


@on_reset
def reset() -> None:
    """Forget all previews."""
    _known.clear()


def preview(caller: Identity, url: str) -> LinkPreviewAnswer:
    """Return the preview of a page.

    Why there is none is told to the log alone, as it would tell a stranger who is at home inside. Raises NotFound
    LINK_PREVIEW_NOT_FOUND, Unavailable, RateLimited, Forbidden NOT_ALLOWED where previews are off.
    """
    if not links.is_allowed(url):
        raise errors.invalid("url", "Send an https: address.")
    if not config().LINK_PREVIEWS:
        raise errors.Forbidden(errors.Code.NOT_ALLOWED, "Link previews are switched off")
    limits.spend("previews", str(caller.user_id), config().RATE_LINK_PREVIEWS)
    page = url.partition("#")[0]
    if page not in _known:
        _known[page] = _ask(page)
    if (found := _known[page]) is None:
        raise errors.NotFound(errors.Code.LINK_PREVIEW_NOT_FOUND, "There is no preview of this address")
    return {"data": {**found, "url": url}}


def _ask(url: str) -> LinkPreviewView | None:
    """Return what a page says of itself, None if it does not answer, may not be called, or is no page."""
    if not _turns.acquire(blocking=False):
        raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many previews are being made", retry_after=2)
    try:
        answer = fetch(url, allow=config().OUTBOUND_ALLOW, headers=_ACCEPT)
    except (NotAllowed, Unreachable) as failure:
        logger.info("no link preview", reason=f"{type(failure).__name__}: {failure}")
        return None
    finally:
        _turns.release()
    if answer.status != 200 or "content-encoding" in answer.headers:
        return None
    found = link_pages.read(answer.body, answer.headers.get("content-type", ""))
    if found is None:
        return None
    title, description, site = found
    return {"url": url, "title": title, "description": description, "siteName": site, "image": None}

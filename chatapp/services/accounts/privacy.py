"""Privacy: the facts that a user hides from others, and in turn does not see of them."""

from bson import ObjectId

from chatapp import errors
from chatapp.realtime import online
from chatapp.schemas.views.accounts import PrivacyView
from chatapp.schemas.views.envelope import Data
from chatapp.services import presence
from chatapp.services.accounts import profiles
from chatapp.stores import users as user_store
from chatapp.stores.documents.users import Privacy, UserProfile


def get(user_id: ObjectId) -> Data[PrivacyView]:
    """Return `{data: {hideLastSeen, hideReadReceipts}}`."""
    return {"data": _view(profiles.existing(user_id))}


def _view(user: UserProfile) -> PrivacyView:
    privacy: Privacy = user.get("privacy", {})
    return {
        "hideLastSeen": bool(privacy.get("hide_last_seen")),
        "hideReadReceipts": bool(privacy.get("hide_read_receipts")),
    }


def update(
    user_id: ObjectId, hide_last_seen: bool | None = None, hide_read_receipts: bool | None = None
) -> Data[PrivacyView]:
    """Change what is given: `{data: {hideLastSeen, hideReadReceipts}}`. Raises Unauthorized ACCOUNT_GONE."""
    before = profiles.existing(user_id)
    wanted = {"privacy.hide_last_seen": hide_last_seen, "privacy.hide_read_receipts": hide_read_receipts}
    changes = {name: value for name, value in wanted.items() if value is not None}
    if not changes:
        return {"data": _view(before)}
    user = user_store.update(user_id, changes)
    if user is None:
        raise errors.Unauthorized(errors.Code.ACCOUNT_GONE, "This account no longer exists")
    profiles.copy_to_memberships(user)
    presence.forget_hiding()
    if _view(user)["hideLastSeen"] and not _view(before)["hideLastSeen"]:
        presence.hidden(user_id)
    elif not _view(user)["hideLastSeen"] and online.is_online(user_id):
        presence.arrived(user_id)
    return {"data": _view(user)}

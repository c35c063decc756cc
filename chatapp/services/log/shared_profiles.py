"""Profiles as memberships hold them: a user's is one object in memory, however many conversations they are in."""

from collections import OrderedDict

from bson import ObjectId

from chatapp.state import on_reset
from chatapp.stores.documents import MemberProfile

_MOST_SHARED_BYTES = 10_000_000  # of the profiles that memberships share
_BYTES_OF_A_PROFILE = 1_000  # without its avatar

_profiles: OrderedDict[ObjectId, MemberProfile] = OrderedDict()
_shared_bytes = 0


@on_reset
def reset() -> None:
    """Forget the profiles that memberships share."""
    global _shared_bytes
    _profiles.clear()
    _shared_bytes = 0


def share(user_id: ObjectId, profile: MemberProfile) -> MemberProfile:
    """Return the profile, as the one object that all memberships of the user have."""
    global _shared_bytes
    known = _profiles.get(user_id)
    if known == profile:
        return known
    _shared_bytes += _size_of(profile) - (_size_of(known) if known else 0)
    _profiles[user_id] = profile
    while _shared_bytes > _MOST_SHARED_BYTES:
        _shared_bytes -= _size_of(_profiles.popitem(last=False)[1])
    return profile


def _size_of(profile: MemberProfile) -> int:
    """Return about how many bytes a profile takes."""
    return _BYTES_OF_A_PROFILE + len(profile["avatar"] or "")

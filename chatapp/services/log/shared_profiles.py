"""Profiles as memberships hold them: a user's is one object in memory, however many conversations they are in."""

from bson import ObjectId
from cachetools import FIFOCache

from chatapp.state import on_reset
from chatapp.stores.documents.users import MemberProfile

_MOST_SHARED_BYTES = 10_000_000  # of the profiles that memberships share
_BYTES_OF_A_PROFILE = 1_000  # without its avatar


def _size_of(profile: MemberProfile) -> int:
    """Return about how many bytes a profile takes."""
    return _BYTES_OF_A_PROFILE + len(profile["avatar"] or "")


_profiles: FIFOCache[ObjectId, MemberProfile] = FIFOCache(_MOST_SHARED_BYTES, getsizeof=_size_of)
on_reset(_profiles.clear)


def share(user_id: ObjectId, profile: MemberProfile) -> MemberProfile:
    """Return the profile, as the one object that all memberships of the user have."""
    known = _profiles.get(user_id)
    if known == profile:
        return known
    _profiles[user_id] = profile
    return profile

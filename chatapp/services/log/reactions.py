"""The reactions to a message: emoji key → the users who have reacted with it, both in the order in which they came."""

from bson import ObjectId

from chatapp import emojis
from chatapp.schemas.views.entries import ReactionView
from chatapp.stores.documents.entries import ReactionBody, Reactions


def folded(reactions: Reactions, user_id: ObjectId, body: ReactionBody) -> Reactions:
    """Return the reactions after one was set or taken back; what is so already changes nothing."""
    key = body["emoji"]
    users = reactions.get(key, [])
    if body["on"]:
        return reactions if user_id in users else {**reactions, key: [*users, user_id]}
    left = {**reactions, key: [other for other in users if other != user_id]}
    return {name: others for name, others in left.items() if others}


def view(reactions: Reactions) -> list[ReactionView]:
    """Return the reactions as clients see them."""
    return [
        {"emoji": emojis.shown(key), "count": len(users), "users": [str(user_id) for user_id in users]}
        for key, users in reactions.items()
    ]

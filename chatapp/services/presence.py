"""Who is online and who is typing: outside the log, told only to people who share a conversation."""

from typing import Any

from bson import ObjectId

from chatapp import clock, realtime
from chatapp.services import access
from chatapp.stores import conversations, users


def arrived(user_id: ObjectId) -> None:
    """The user's first device connected: tell those who share a conversation."""
    realtime.publish_presence(conversations.find_partner_ids(user_id), user_id, "online", clock.now())


def left(user_id: ObjectId) -> None:
    """The user's last device is gone."""
    now = clock.now()
    users.set_last_seen(user_id, now)
    realtime.publish_presence(conversations.find_partner_ids(user_id), user_id, "offline", now)


def announce(user_id: ObjectId, status: str) -> None:
    """Tell a status that the user's app asked to tell (the old `userOnline` and `userOffline` events)."""
    realtime.publish_presence(conversations.find_partner_ids(user_id), user_id, status, clock.now())


def online_partners(user_id: ObjectId) -> list[str]:
    """Ids of the users online now who share a conversation with the user, and the user's own."""
    partners = conversations.find_partner_ids(user_id) | {user_id}
    return [str(partner) for partner in partners if realtime.is_online(partner)]


def typing(user_id: ObjectId, conversation_text: str, is_typing: bool) -> dict[str, Any]:
    """Tell the other members that the user types, or stopped."""
    conversation, member = access.remembered(user_id, conversation_text)
    others = [other for other in conversation.member_ids if other != user_id]
    data = {
        "userId": str(user_id),
        "userEmail": member.profile["email"],
        "userName": member.profile["name"],
        "conversationId": str(conversation.id),
        "isTyping": is_typing,
    }
    realtime.publish_typing(others, data)
    return {"data": data}

"""Publish what is no entry of a log, to every device of the users whom it concerns."""

from collections.abc import Iterable
from datetime import datetime

from bson import ObjectId

from chatapp import clock
from chatapp.realtime.connections import NEW, OLD
from chatapp.realtime.emitting import emit_to_all, emit_to_users
from chatapp.schemas.views.conversations import ConversationRef, ConversationView
from chatapp.schemas.views.media import MediaView
from chatapp.schemas.views.own import OwnChanged
from chatapp.schemas.views.receipts import PushedRead, PushedReceipt
from chatapp.schemas.views.users import TypingView, UserView


def conversation(user_ids: list[ObjectId], conversation: ConversationView) -> None:
    """Publish a conversation to users to whom it is new."""
    emit_to_users("newConversation", {"success": True, "data": conversation}, user_ids, wake=True)


def hidden(user_id: ObjectId, data: ConversationRef) -> None:
    """Tell the user's own devices that they have deleted a conversation for themselves."""
    emit_to_users("conversationDeleted", {"success": True, "data": data}, [user_id], wake=True)


def own_changed(user_id: ObjectId, data: OwnChanged) -> None:
    """Tell the user's own devices that their private state in a conversation has changed."""
    emit_to_users("ownChanged", {"success": True, "data": data}, [user_id], wake=True)


def own_hidden(user_id: ObjectId, data: OwnChanged) -> None:
    """Tell the user's own devices of a message that is deleted for them alone; old apps hear another event."""
    emit_to_users("ownChanged", {"success": True, "data": data}, [user_id], wake=True, sessions=NEW)


def deleted_for_me(user_id: ObjectId, message_id: ObjectId, conversation_id: ObjectId) -> None:
    """Tell the same to the user's old apps: to the one that has asked, too, and as often as it asks."""
    named = {"messageId": str(message_id), "conversationId": str(conversation_id)}
    emit_to_users("message:deleted", {"success": True, **named, "deleteFor": "me"}, [user_id], sessions=OLD)


def media_ready(user_id: ObjectId, data: MediaView) -> None:
    """Tell the user's own devices that a file of theirs was checked: it can be sent, or was refused."""
    emit_to_users("mediaReady", {"success": True, "data": data}, [user_id])


def receipt(user_ids: list[ObjectId], data: PushedReceipt) -> None:
    """Publish a member's moved marks to the members who may know."""
    emit_to_users("receipt", data, user_ids)


def read(user_ids: list[ObjectId], data: PushedRead) -> None:
    """Publish the same by message, for old apps."""
    emit_to_users("messageReadReceipt", data, user_ids)


def typing(user_ids: list[ObjectId], data: TypingView) -> None:
    """Tell the other members that somebody types, or stopped."""
    emit_to_users("userTyping", data, user_ids)


def profile(user_ids: list[ObjectId], profile: UserView) -> None:
    """Publish a changed profile to those who share a conversation with the user."""
    data = {"userId": profile["id"], "name": profile["name"], "avatar": profile["avatar"]}
    emit_to_users("userProfileUpdated", data, user_ids, wake=True)


def email(user_id: ObjectId, before: str, now: str, moment: datetime) -> None:
    """Tell all of the user's devices that their e-mail address was changed."""
    data = {"before": before, "email": now, "timestamp": clock.iso(moment)}
    emit_to_users("emailChanged", data, [user_id])


def new_user(profile: UserView) -> None:
    """Publish a new account to everybody who is connected."""
    emit_to_all("newUserRegistered", profile)


def presence(user_ids: Iterable[ObjectId], user_id: ObjectId, status: str, moment: datetime) -> None:
    """Tell these users that somebody came online or went offline."""
    users = list(user_ids)
    data = {"userId": str(user_id), "status": status, "timestamp": clock.iso(moment)}
    emit_to_users("userStatusChanged", data, users)
    emit_to_users("userOnline" if status == "online" else "userOffline", {"userId": str(user_id)}, users)

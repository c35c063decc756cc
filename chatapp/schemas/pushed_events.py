"""Every event that the server emits by itself: name → (its shape, when it comes)."""

from marshmallow import Schema

from chatapp.schemas import pushed
from chatapp.schemas.answers.envelope import ErrorOut
from chatapp.schemas.answers.users import User

PUSHED: dict[str, tuple[type[Schema], str]] = {
    "ready": (pushed.ReadyPushed, "First after CONNECT: the socket hears everything that is the user's."),
    "onlineUsers": (pushed.OnlineUsersPushed, "After ready: users online who share a conversation."),
    "newMessage": (pushed.NewMessagePushed, "A message, to every device of every member, the sender's too."),
    "voice:received": (pushed.NewMessagePushed, "A voice note; to old apps, instead of newMessage."),
    "entry": (pushed.EntryPushed, "Any other new entry, to every member and whom it takes out."),
    "message:edited": (pushed.EditedPushed, "A message has another text; to old apps, instead of the entry."),
    "reaction:updated": (pushed.ReactedPushed, "The reactions to a message; to old apps, instead of the entry."),
    "message:deleted": (
        pushed.DeletedPushed,
        "A message was deleted; to old apps, instead of the entry or ownChanged.",
    ),
    "message:pinned": (pushed.PinnedPushed, "A message is pinned; to old apps, instead of the entry."),
    "message:unpinned": (pushed.UnpinnedPushed, "A message is not pinned any more; to old apps, instead of the entry."),
    "newConversation": (pushed.NewConversationPushed, "A conversation that is new to the user."),
    "resync": (pushed.ResyncPushed, "The socket was too slow and something was dropped: sync."),
    "receipt": (pushed.MarksPushed, "A member's marks have moved, to every member who may know."),
    "messageQueued": (pushed.MessageQueuedPushed, "To a sender that gave a tempId, after the message is stored."),
    "messageReadReceipt": (pushed.ReceiptPushed, "The same by message, for old apps."),
    "userTyping": (pushed.TypingPushed, "Somebody types, or stopped, to the other members."),
    "userStatusChanged": (pushed.StatusPushed, "Somebody who shares a conversation came or went."),
    "userOnline": (pushed.UserIdPushed, "The same as its own event, for old apps."),
    "userOffline": (pushed.UserIdPushed, "The same as its own event, for old apps."),
    "userProfileUpdated": (pushed.ProfilePushed, "Name or avatar of somebody who shares a conversation changed."),
    "emailChanged": (pushed.EmailPushed, "The user's own e-mail address was changed, to all of their devices."),
    "newUserRegistered": (User, "A new account, while the directory is open."),
    "conversationDeleted": (pushed.HiddenPushed, "Deleted for this user on another device."),
    "ownChanged": (pushed.OwnPushed, "The user's private state in a conversation changed, to all of their devices."),
    "mediaReady": (pushed.MediaReadyPushed, "A file of the user's was checked: ready to be sent, or refused."),
    "sessionRevoked": (pushed.ClosingPushed, "The session was ended; the socket is closed next."),
    "socketReplaced": (
        pushed.ClosingPushed,
        "The session opened too many sockets; its oldest, this one, is closed next.",
    ),
    "tokenExpiring": (pushed.ExpiringPushed, "The access token is about to expire: send auth:refresh."),
    "tokenExpired": (pushed.ClosingPushed, "The access token has expired; the socket is closed next."),
    "serverShutdown": (pushed.ClosingPushed, "The server restarts; the socket is closed next. Connect again."),
    "error": (ErrorOut, "The answer to an event that does not exist."),
}

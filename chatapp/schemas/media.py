"""Questions about files."""

from chatapp.schemas.conversations import ConversationIdIn


class SignIn(ConversationIdIn):
    """The conversation in which somebody sees a file."""

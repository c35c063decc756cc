"""Life of a group."""

from marshmallow import validate

from chatapp.schemas.conversations import ConversationIdIn
from chatapp.schemas.fields import Name, Several, Text, identifier, person, picture


class LeaveIn(ConversationIdIn):
    """A group to leave. Like every act on a group it may be repeated with the same clientMsgId."""

    client_msg_id = identifier(allow_none=True)


class ChangeIn(LeaveIn):
    """New name, avatar (null: none) or history of a group, and who may pin messages in it."""

    name = Name()
    avatar = picture()
    history = Text(validate=validate.OneOf(["all", "since_join"]))
    who_may_pin = Text(validate=validate.OneOf(["everyone", "admins"]))


class AddMembersIn(LeaveIn):
    """People to add."""

    user_ids = Several(person(), required=True, least=1, most=1000)


class MemberIn(LeaveIn):
    """A member to remove, or to hand the group over to."""

    user_id = identifier(required=True)


class RoleIn(MemberIn):
    """A new role for a member."""

    role = Text(required=True, validate=validate.OneOf(["owner", "admin", "member"]))

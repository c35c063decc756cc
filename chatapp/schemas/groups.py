"""Life of a group."""

from marshmallow import validate

from chatapp.schemas.fields import In, Name, Query, Several, Text, identifier, person, picture


class RepeatableIn(In):
    """Something that may be repeated with the same clientMsgId."""

    clientMsgId = identifier(allow_none=True)


class RepeatableQuery(Query):
    """The same where there is no body."""

    clientMsgId = identifier()


class ChangeIn(RepeatableIn):
    """New name, avatar (null: none) or history of a group."""

    name = Name()
    avatar = picture()
    history = Text(validate=validate.OneOf(["all", "since_join"]))


class AddMembersIn(RepeatableIn):
    """People to add."""

    userIds = Several(person(), required=True, least=1, most=1000)


class RoleIn(RepeatableIn):
    """A new role."""

    role = Text(required=True, validate=validate.OneOf(["owner", "admin", "member"]))


class HandOverIn(RepeatableIn):
    """The member who is to be owner."""

    userId = identifier(required=True)


class UpdateConversationIn(ChangeIn):
    """New name, avatar or history of a group, over a socket."""

    conversationId = identifier(required=True)


class AddMembersEventIn(AddMembersIn):
    """People to add, over a socket."""

    conversationId = identifier(required=True)


class RemoveMemberIn(RepeatableIn):
    """A member to remove."""

    conversationId = identifier(required=True)
    userId = identifier(required=True)


class LeaveIn(RepeatableIn):
    """A group to leave."""

    conversationId = identifier(required=True)


class ChangeRoleIn(RoleIn):
    """A new role for a member, over a socket."""

    conversationId = identifier(required=True)
    userId = identifier(required=True)


class HandOverEventIn(HandOverIn):
    """The member who is to be owner, over a socket."""

    conversationId = identifier(required=True)

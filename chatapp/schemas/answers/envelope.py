"""The parts that are the same in every answer: success, failure, and the reason why there is nothing."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.fields import number, text


class Out(Schema):
    """A success."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    requestId = fields.String(metadata={"description": "On socket acks that were asked with a requestId"})


class ErrorBody(Schema):
    """The error."""

    code = text()
    message = text()
    statusCode = number()
    requestId = text()
    details = fields.Dict(metadata={"description": "Field → messages, or retryAfter in seconds"})


class ErrorOut(Schema):
    """The one envelope of every failure."""

    success = fields.Boolean(required=True, metadata={"enum": [False]})
    error = fields.Nested(ErrorBody, required=True)
    msg = text(metadata={"description": "The message again, for old clients"})


class MessageOnlyOut(Out):
    msg = text()


class WhyEmpty(Schema):
    """The next page's cursor, or why there is nothing."""

    next = fields.String()
    code = fields.String()
    message = fields.String()

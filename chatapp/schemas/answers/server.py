"""Facts about the server itself."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import date_time, number, text


class HealthOut(Out):
    status = text()
    timestamp = date_time()


class DemoUser(Schema):
    """Somebody to try the app as."""

    name = text()
    email = text()
    password = text()


class WebData(Schema):
    demoUsers = fields.List(fields.Nested(DemoUser), required=True, metadata={"description": "In development only"})


class WebOut(Out):
    """The facts that the web app's log-in page needs."""

    data = fields.Nested(WebData, required=True)


class ReadyOut(HealthOut):
    checks = fields.Dict(required=True)
    details = fields.Dict()


class SuccessOut(Out):
    message = text()
    timestamp = fields.String()
    url = fields.String()


class DiscoverOut(Out):
    ip = text()
    port = number()
    url = text()

"""Generated calls from the OpenAPI document: no 500, and no answer outside the documented shapes."""

import re

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
# Files of the documentation page, aliases of other routes, and calls that end the session they are made with.
LEFT_OUT = re.compile(r"/api/docs/\{name\}|/auth/.*|/api/auth/logout.*|/api/auth/sessions/.*|/api/auth/password")
BOUNDED = settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_generated_calls(app, ann, bob):
    ann.send(ann.direct(bob), "hello")
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    operations = [row.ok() for row in schema.get_all_operations()]
    tried = [row for row in operations if not LEFT_OUT.fullmatch(row.path)]
    assert len(tried) > 20
    for operation in tried:
        try_out(operation, ann.token)


def try_out(operation, token):
    """Some generated calls of one operation, each checked against the document."""

    @BOUNDED
    @given(case=operation.as_strategy())
    def call(case):
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(answer, checks=CHECKS)

    call()

"""Metrics for Prometheus, and who may read them."""

import copy

import pytest
from bson import ObjectId
from prometheus_client.parser import text_string_to_metric_families

from chatapp.services.log import cache

FAMILIES = {
    "chatapp_requests",
    "chatapp_request_seconds",
    "chatapp_errors",
    "chatapp_events",
    "chatapp_event_seconds",
    "chatapp_sockets",
    "chatapp_users_online",
    "chatapp_messages_sent",
    "chatapp_deliveries",
    "chatapp_database_command_seconds",
    "chatapp_database_connections_open",
    "chatapp_database_connections_used",
    "chatapp_database_up",
    "chatapp_bus",
    "chatapp_connections_moved",
    "chatapp_late_deliveries",
    "chatapp_lost_races",
    "process_resident_memory_bytes",
    "process_cpu_seconds",
    "process_open_fds",
}


@pytest.fixture
def value(client):
    """The present value of a metric with these labels, 0 when there is none."""

    def read(name, **labels):
        families = text_string_to_metric_families(client.get("/metrics").text)
        found = [
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)

    return read


def test_the_families_that_operators_need_are_there(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert {family.name for family in text_string_to_metric_families(answer.text)} >= FAMILIES


def test_requests_are_counted_by_method_rule_and_status(ann, value):
    labels = {"method": "GET", "route": "/api/conversations/<conversation_id>", "status": "404"}
    before = value("chatapp_requests_total", **labels)
    for number in range(3):
        ann.get(f"/api/conversations/{number}")
    assert value("chatapp_requests_total", **labels) - before == 3
    assert value("chatapp_request_seconds_count", route="/api/conversations/<conversation_id>") >= 3


def test_strangers_can_not_make_labels(client, ann, value):
    client.open("/some/path/Qzxstranger", method="BREW7316")
    ann.socket().call("eventQzxstranger")
    assert "Qzxstranger" not in client.get("/metrics").text
    assert value("chatapp_requests_total", method="(other)", route="(unknown)") >= 1
    assert value("chatapp_events_total", event="(unknown)", code="UNKNOWN_EVENT") >= 1


def test_errors_are_counted_by_code_on_both_transports(client, ann, value):
    before = value("chatapp_errors_total", code="CONVERSATION_NOT_FOUND")
    ann.get("/api/conversations/x")
    ann.socket().call("getMessages", {"conversationId": "x"})
    assert value("chatapp_errors_total", code="CONVERSATION_NOT_FOUND") - before == 2


def test_sockets_and_people_online_are_counted(ann, bob, value):
    sockets = [ann.socket(), ann.socket(), bob.socket()]
    assert (value("chatapp_sockets"), value("chatapp_users_online")) == (3, 2)
    sockets[0].inner.disconnect()
    assert (value("chatapp_sockets"), value("chatapp_users_online")) == (2, 2)


def test_refused_connects_are_counted(knock, value):
    before = value("chatapp_events_total", event="connect", code="TOKEN_MISSING")
    knock(None)
    assert value("chatapp_events_total", event="connect", code="TOKEN_MISSING") - before == 1


def test_sends_and_deliveries_are_counted(ann, bob, value):
    conversation = ann.direct(bob)
    _open = [ann.socket(), bob.socket(), bob.socket()]
    sends, deliveries = value("chatapp_messages_sent_total"), value("chatapp_deliveries_total")
    ann.send(conversation, "one")
    assert value("chatapp_messages_sent_total") - sends == 1
    assert value("chatapp_deliveries_total") - deliveries == 3


def test_a_number_that_another_process_took_first_is_counted(ann, bob, value):
    conversation = ann.direct(bob)
    ann.send(conversation, "one")
    slot = cache.slot(ObjectId(conversation))
    before = copy.deepcopy(slot.state)
    ann.send(conversation, "two")
    slot.state = before  # as a process has it that has not heard of the second message
    races = value("chatapp_lost_races_total")
    assert ann.send(conversation, "three")["data"]["seq"] == 3
    assert value("chatapp_lost_races_total") == races + 1


def test_database_commands_are_counted(ann, value, store_uri):
    if store_uri.startswith("litemongo:"):
        assert value("chatapp_database_command_seconds_count") >= 0  # the embedded store sends no commands
        return
    before = value("chatapp_database_command_seconds_count")
    ann.get("/api/user/contacts")
    assert value("chatapp_database_command_seconds_count") > before
    assert value("chatapp_database_up") == 1
    assert value("chatapp_database_connections_open") >= 1


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "let-me-see", "Basic let-me-see", "é"])
@pytest.mark.parametrize("app_env", ["production", "development"])
def test_a_token_keeps_others_out(client, settings, header, app_env):
    settings(METRICS_TOKEN="let-me-see", APP_ENV=app_env)
    answer = client.get("/metrics", headers={} if header is None else {"Authorization": header})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "TOKEN_INVALID")


def test_the_token_lets_in(client, settings):
    settings(METRICS_TOKEN="let-me-see", APP_ENV="production")
    assert client.get("/metrics", headers={"Authorization": "Bearer let-me-see"}).status_code == 200


@pytest.mark.parametrize("header", ["Bearer ", "Bearer x", ""])
def test_production_without_a_token_shows_nobody(client, settings, header):
    settings(METRICS_TOKEN="", APP_ENV="production")
    assert client.get("/metrics", headers={"Authorization": header}).status_code == 401


def test_metrics_need_no_session_and_are_not_limited(client, settings):
    settings(RATE_ANONYMOUS="1 per hour")
    assert [client.get("/metrics").status_code for _ in range(5)] == [200] * 5

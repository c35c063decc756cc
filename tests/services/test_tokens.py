"""Access tokens, whoever made them; both doors say the same about each."""

import base64
import json
import re
from datetime import timedelta

import gevent
import hypothesis
import jwt
import pytest
from cachetools import FIFOCache
from hypothesis import strategies as st

from chatapp import clock, database, errors, state
from chatapp.realtime import closing
from chatapp.services.accounts import sessions, tokens
from chatapp.settings import config as current_config
from tests.conftest import PASSWORD

DAY = 24 * 3600
TWO = {"X-Client-Protocol": "2"}
OTHER_KEY = "another-key-" + "1" * 32


def log_in(client, headers=None, **more):
    """Return the JSON of Ann's log-in."""
    body = {"email": "ann@test.com", "password": PASSWORD, **more}
    return client.post("/api/auth/login", json=body, headers=headers).json


@pytest.fixture(params=["rest", "socket", "auth:refresh"])
def refusal(request, app, ann, knock):
    """The error code that a token gets at each door; None when it is let in."""

    def at_rest(token):
        answer = app.test_client().get("/api/user/profile", headers={"Authorization": f"Bearer {token}"})
        return (answer.json.get("error") or {}).get("code")

    def at_connect(token):
        refused = knock({"token": token})
        assert refused is None or refused["message"].startswith("Authentication error: ")
        return refused and refused["data"]["code"]

    def at_refresh(token):
        return (socket.call("auth:refresh", {"token": token}).get("error") or {}).get("code")

    socket = ann.socket()
    return {"rest": at_rest, "socket": at_connect, "auth:refresh": at_refresh}[request.param]


def unsigned(header, claims):
    """Return a token without a signature."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}."


def signed(claims, header=None, key=None, algorithm="HS256"):
    """Return a token with the server's own key, unless another is named."""
    return jwt.encode(claims, key or current_config().JWT_SECRET, algorithm=algorithm, headers=header)


def rsa_signed(claims):
    """Return a token that says RS256 and is signed with the server's secret as if it were the public key."""
    token = signed(claims)
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}.{token.split('.')[2]}"


def without(claims, name):
    """Return the claims but one."""
    return {key: value for key, value in claims.items() if key != name}


FORGERIES = {
    "alg none": lambda claims: unsigned({"alg": "none", "typ": "JWT"}, claims),
    "alg None": lambda claims: unsigned({"alg": "None", "typ": "JWT"}, claims),
    "another key": lambda claims: signed(claims, key=OTHER_KEY),
    "RS256": rsa_signed,
    "HS512": lambda claims: signed(claims, key=current_config().JWT_SECRET * 2, algorithm="HS512"),
    "HS384, right key": lambda claims: signed(claims, algorithm="HS384"),
    "jku header": lambda claims: signed(claims, {"jku": "http://127.0.0.1:9/keys"}, key=OTHER_KEY),
    "jwk header": lambda claims: signed(claims, {"jwk": {"kty": "oct", "k": "AAAA"}}, key=OTHER_KEY),
    "no sub": lambda claims: signed(without(claims, "sub")),
    "no sid": lambda claims: signed(without(claims, "sid")),
    "no exp": lambda claims: signed(without(claims, "exp")),
    "refresh type": lambda claims: signed(claims | {"type": "refresh"}),
    "sub of another kind": lambda claims: signed(claims | {"sub": "admin"}),
    "sid of another kind": lambda claims: signed(claims | {"sid": {"$ne": None}}),
    "exp that is no number": lambda claims: signed(without(claims, "exp") | {"exp": "tomorrow"}),
    "not yet": lambda claims: signed(claims | {"nbf": claims["iat"] + DAY}),
    "claims changed": lambda claims: signed(claims).replace(signed(claims).split(".")[1], "eyJhIjoxfQ"),
    "signature cut": lambda claims: signed(claims)[:-5],
    "two parts": lambda claims: signed(claims).rpartition(".")[0],
    "no token at all": lambda claims: "a.b.c",
    "letters": lambda claims: "x" * 5000,
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_tokens_are_invalid(refusal, ann, forgery):
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    assert refusal(FORGERIES[forgery](claims)) == "TOKEN_INVALID"


def verdict(token):
    """Return whom a token stands for, or the code of the refusal, without what is remembered of others."""
    tokens._verified.clear()
    try:
        return tokens.verify(token)
    except errors.Unauthorized as error:
        return error.code


MORE_OF_OURS = {
    "our own": lambda claims: signed(claims),
    "over": lambda claims: signed(claims | {"iat": 1, "exp": 2}),
    "one claim more": lambda claims: signed(claims | {"more": 1}),
    "one claim less": lambda claims: signed(without(claims, "email")),
    "header in another order": lambda claims: signed(claims, {"typ": None}),
    "signature in other letters": lambda claims: signed(claims)[:-1] + "_",
    "no claims": lambda claims: jwt.api_jws.encode(b"[1]", current_config().JWT_SECRET),
    "no JSON": lambda claims: jwt.api_jws.encode(b"{", current_config().JWT_SECRET),
    "four parts": lambda claims: signed(claims) + ".x",
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", [*FORGERIES, *MORE_OF_OURS])
def test_the_library_would_say_the_same_of_every_token(ann, name, monkeypatch):
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    token = (FORGERIES | MORE_OF_OURS)[name](claims)
    said = verdict(token)
    monkeypatch.setattr(tokens, "_claims_as_written_here", lambda _: None)
    assert verdict(token) == said


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_token_as_we_write_it_is_known_by_its_signature_alone(app, ann, protocol, monkeypatch):
    token = log_in(app.test_client(), protocol=protocol)["token"]
    monkeypatch.setattr(tokens.jwt, "claims", pytest.fail)
    assert str(verdict(token).user_id) == ann.id


def test_our_own_token_is_let_in(refusal, ann):
    assert refusal(ann.token) is None


def test_a_refresh_token_is_no_access_token(refusal, app, ann):
    assert refusal(log_in(app.test_client(), protocol=2)["refreshToken"]) == "TOKEN_INVALID"


def test_an_expired_token_says_so(refusal, app, ann):
    token = log_in(app.test_client(), protocol=2)["token"]
    clock.move(timedelta(seconds=3601))
    assert refusal(token) == "TOKEN_EXPIRED"


def test_a_token_that_really_expired_says_so(refusal, ann):
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    assert refusal(signed(claims | {"iat": 1, "exp": 2})) == "TOKEN_EXPIRED"


def test_a_token_of_another_users_session_is_revoked(refusal, ann, bob):
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    assert refusal(signed(claims | {"sub": bob.id})) == "TOKEN_REVOKED"


def test_a_revoked_token_says_so(refusal, app, ann):
    token = log_in(app.test_client())["token"]
    app.test_client().post("/api/auth/logout", headers={"Authorization": f"Bearer {token}"})
    assert refusal(token) == "TOKEN_REVOKED"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "TOKEN_MISSING"),
        ("", "TOKEN_MISSING"),
        ("Basic YTpi", "TOKEN_MISSING"),
        ("Bearer", "TOKEN_INVALID"),
        ("Bearer x y", "TOKEN_INVALID"),
        ("Bearer null", "TOKEN_INVALID"),
        ("Bearer \xe9.\xff.\xe9", "TOKEN_INVALID"),
    ],
)
def test_headers_without_a_usable_token(client, header, code):
    headers = {} if header is None else {"Authorization": header}
    answer = client.get("/api/user/profile", headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, code)


@pytest.fixture(params=["rest", "socket"])
def is_let_in(request, app, knock):
    """Return whether a caller is let in with this text as the Authorization header, or as the handshake's token."""

    def at_rest(text):
        answer = app.test_client().get("/api/user/profile", headers={"Authorization": text})
        assert answer.status_code in (200, 401)
        return answer.status_code == 200

    def at_connect(text):
        refused = knock({"token": text})
        assert refused is None or refused["data"]["statusCode"] == 401
        return refused is None

    return {"rest": at_rest, "socket": at_connect}[request.param]


SCHEMES = st.sampled_from(["Bearer", "bearer", "BEARER", "bEaReR", "Basic", "Token", "Bearer:", "JWT"])
GAPS = st.text(" \t\x0b\x1f\x7f,:=\xa0\xad", max_size=3)
ENDS = st.text(' \t,;="\x0b.aA0_-\x7f\xa0\xe9\xff', max_size=3)


@hypothesis.settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(scheme=SCHEMES, gap=GAPS, end=ENDS, more=st.sampled_from(["", ",Bearer TOKEN", " TOKEN"]))
def test_nobody_gets_in_by_the_traces_of_anothers_token(is_let_in, ann, scheme, gap, end, more):
    """Nothing without Ann's whole token is let in after her token was, in whatever spelling."""
    text = scheme + gap + ann.token + end + more.replace("TOKEN", ann.token)
    is_proper = re.fullmatch(f"(?i:bearer) +{re.escape(ann.token)}", text) is not None
    for _ in range(2):
        assert is_let_in(text) == is_proper
    assert is_let_in(f"Bearer {ann.token}")
    for trace in (
        scheme,
        scheme + gap,
        scheme + gap + end,
        scheme + " ",
        f"{scheme} {end}",
        "Bearer",
        "Bearer ",
        "Bearer\t",
        "",
    ):
        assert not is_let_in(trace), trace


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_is_taken_in_any_case_and_with_several_spaces(is_let_in, ann, scheme):
    assert is_let_in(scheme + ann.token)


@pytest.mark.parametrize(
    "wrong",
    [
        "Bearer\tTOKEN",
        "Bearer TOKEN ",
        "Bearer TOKEN,",
        "Bearer TOKEN TOKEN",
        "Bearer TOKEN,Bearer TOKEN",
        "Bearer TOKEN\xe9",
        "Bearer TOKEN=",
        "Bearer, TOKEN",
        "BearerTOKEN",
        "Basic TOKEN",
        "Bearer \tTOKEN",
        " Bearer TOKEN",
    ],
)
def test_nothing_beside_the_one_token_is_taken(is_let_in, ann, wrong):
    assert not is_let_in(wrong.replace("TOKEN", ann.token))


HOSTILE_PARTS = [
    "[" * 5000,
    '{"a":' * 900,
    "9" * 5000,
    '{"alg":["HS256"]}',
    '{"alg":{}}',
    '{"alg":null,"kid":5}',
    "null",
    "[]",
    '{"alg":"HS256","crit":["b64"],"b64":false}',
    '{"exp":1e999,"iat":1e999,"nbf":[]}',
    '"\\ud800"',
]


@pytest.mark.parametrize("header", [*HOSTILE_PARTS, '{"alg":"HS256","typ":"JWT"}'])
@pytest.mark.parametrize("payload", HOSTILE_PARTS)
def test_a_hostile_token_is_an_invalid_one(client, header, payload):
    parts = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, payload, "signature")]
    for token in (".".join(parts), ".".join([*parts, *parts]), parts[0] + "."):
        answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {token}"})
        assert answer.json["error"]["code"] == "TOKEN_INVALID"


def test_what_is_remembered_of_tokens_has_a_bound_in_bytes(app, ann, monkeypatch):
    monkeypatch.setattr(tokens, "_verified", FIFOCache(3))
    for number in range(10):
        claims = jwt.decode(ann.token, options={"verify_signature": False}) | {"jti": str(number), "more": "x" * 4000}
        tokens.verify(signed(claims))
    assert len(tokens._verified) == 3
    assert {len(key) for key in tokens._verified} == {32}


def test_a_token_in_the_query_string_is_none(client, ann):
    answer = client.get(f"/api/user/profile?token={ann.token}&jwt={ann.token}&access_token={ann.token}")
    assert answer.json["error"]["code"] == "TOKEN_MISSING"


def test_old_clients_get_one_token_of_seven_days(client, ann):
    answer = log_in(client)
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert answer["expiresIn"] == claims["exp"] - claims["iat"] == 7 * DAY
    assert "refreshToken" not in answer and "accessToken" not in answer


@pytest.mark.parametrize(("headers", "more"), [(TWO, {}), ({}, {"protocol": 2}), ({"X-Client-Protocol": "3"}, {})])
@pytest.mark.parametrize("route", ["login", "register"])
def test_clients_of_protocol_two_get_a_short_token_and_a_refresh_token(client, ann, headers, more, route):
    email = "ann@test.com" if route == "login" else "new@test.com"
    body = {"email": email, "password": PASSWORD, **more}
    answer = client.post(f"/api/auth/{route}", json=body, headers=headers).json
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert answer["expiresIn"] == claims["exp"] - claims["iat"] == 3600
    assert answer["accessToken"] == answer["token"] and answer["refreshToken"]


@pytest.mark.parametrize("header", ["1", "", "two", "²", "-2", "2.0", "9" * 5000])
def test_other_protocols_are_the_old_one(client, ann, header):
    assert "refreshToken" not in log_in(client, headers={"X-Client-Protocol": header.encode("utf-8").decode("latin-1")})


def test_a_refresh_gives_new_tokens_that_work(client, ann):
    first = log_in(client, protocol=2)
    answer = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]}).json
    assert answer["success"] and answer["refreshToken"] != first["refreshToken"] and answer["expiresIn"] == 3600
    assert answer["token"] == answer["accessToken"] != first["token"]
    ann.token = answer["token"]
    assert ann.get("/api/user/profile")["success"]


def refresh(client, tokens):
    """Return the JSON of a refresh with the refresh token among these tokens."""
    return client.post("/api/auth/refresh", json={"refreshToken": tokens["refreshToken"]}).json


def use(client, tokens):
    """Return the error code that a call with the access token among these tokens gets."""
    headers = {"Authorization": f"Bearer {tokens['token']}"}
    return (client.get("/api/user/profile", headers=headers).json.get("error") or {}).get("code")


def is_told_of_reuse(answer):
    """Return whether a refusal says that a token was copied, in words and for programs."""
    error = answer["error"]
    return (error["code"], error["details"]) == ("TOKEN_REVOKED", {"reason": "TOKEN_REUSED"}) and (
        "used twice" in error["message"]
    )


def test_each_of_fifty_refreshes_at_once_gets_a_pair_of_its_own(app, client, ann):
    first = log_in(client, protocol=2)
    calls = [gevent.spawn(refresh, app.test_client(), first) for _ in range(50)]
    gevent.joinall(calls, raise_error=True)
    assert len({call.value["refreshToken"] for call in calls}) == 50
    newest = max((call.value for call in calls), key=lambda row: int(row["refreshToken"].split(".")[1]))
    assert use(client, newest) is None and refresh(client, newest)["success"]


def test_of_several_pairs_the_first_that_is_used_is_the_sessions(client, ann):
    first = log_in(client, protocol=2)
    pairs = [refresh(client, first) for _ in range(3)]
    assert use(client, pairs[1]) is None
    assert use(client, first) is None
    again = refresh(client, pairs[1])
    assert use(client, again) is None and refresh(client, again)["success"]


def use_access_token(client, tokens, ann, knock):
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {tokens['token']}"})
    return answer.json


def use_refresh_token(client, tokens, ann, knock):
    return refresh(client, tokens)


def connect(client, tokens, ann, knock):
    refused = knock({"token": tokens["token"]})
    return refused and {"error": refused["data"]}


def renew_a_socket(client, tokens, ann, knock):
    return ann.socket().call("auth:refresh", {"token": tokens["token"]})


@pytest.mark.parametrize("comes", [use_access_token, use_refresh_token, connect, renew_a_socket])
@pytest.mark.parametrize("first_use", [use_access_token, use_refresh_token, connect])
def test_whoever_comes_with_a_killed_pair_ends_the_session(client, ann, knock, first_use, comes):
    """Thief and victim have had the same refresh token: whoever of them is second is told, and both are out."""
    first = log_in(client, protocol=2)
    thiefs, victims = refresh(client, first), refresh(client, first)
    assert not (first_use(client, thiefs, ann, knock) or {}).get("error")
    assert is_told_of_reuse(comes(client, victims, ann, knock))
    headers = {"Authorization": f"Bearer {thiefs['token']}"}
    assert is_told_of_reuse(client.get("/api/user/profile", headers=headers).json)
    assert is_told_of_reuse(refresh(client, first))
    assert ann.get("/api/user/profile")["success"]


def test_both_devices_are_told_what_happened_over_their_sockets(client, ann):
    first = log_in(client, protocol=2)
    thiefs, victims = refresh(client, first), refresh(client, first)
    ann.token = thiefs["token"]
    socket = ann.socket()
    use(client, victims)
    (told,) = socket.received("sessionRevoked")
    assert told["code"] == "TOKEN_REVOKED" and "used twice" in told["message"] and not socket.connected


def test_a_killed_access_token_is_known_after_the_next_refresh_and_a_restart(client, ann):
    first = log_in(client, protocol=2)
    thiefs, victims = refresh(client, first), refresh(client, first)
    assert use(client, thiefs) is None
    following = refresh(client, thiefs)
    assert use(client, following) is None
    state.reset_caches()
    assert use(client, victims) == "TOKEN_REVOKED" and use(client, following) == "TOKEN_REVOKED"


def test_at_most_five_pairs_wait_for_their_first_use(client, ann):
    first = log_in(client, protocol=2)
    pairs = [refresh(client, first) for _ in range(6)]
    assert use(client, pairs[1]) is None
    first = log_in(client, protocol=2)
    pairs = [refresh(client, first) for _ in range(6)]
    assert use(client, pairs[0]) == "TOKEN_REVOKED"


def test_of_two_pairs_that_are_used_at_once_one_wins(app, client, ann):
    first = log_in(client, protocol=2)
    pairs = [refresh(client, first), refresh(client, first)]
    calls = [gevent.spawn(use, app.test_client(), pair) for pair in pairs]
    gevent.joinall(calls, raise_error=True)
    assert "TOKEN_REVOKED" in [call.value for call in calls]
    assert [use(client, pair) for pair in pairs] == ["TOKEN_REVOKED"] * 2


def test_within_the_grace_time_of_its_first_use_a_repeat_gives_the_same_pair(client, ann):
    first = log_in(client, protocol=2)
    second = refresh(client, first)
    assert use(client, second) is None
    clock.move(timedelta(seconds=29))
    assert refresh(client, first) == second


def test_a_phone_that_lost_its_answers_and_slept_for_a_week_still_gets_in(client, ann):
    first = log_in(client, protocol=2)
    for _ in range(3):
        refresh(client, first)
        clock.move(timedelta(days=2, hours=20))
        state.reset_caches()
    found = refresh(client, first)
    assert use(client, found) is None
    following = refresh(client, found)
    assert following["success"] and use(client, following) is None


def as_stored_before(client):
    """Store the sessions as the version before this one has."""
    names = ("first_branch", "previous")
    gone = {f"refresh.{name}": "" for name in names} | {"address_key": "", "device_hash": "", "ended_by": ""}
    database.db().sessions.update_many({}, {"$unset": gone})
    state.reset_caches()


def test_sessions_of_the_version_before_go_on(client, ann):
    first = log_in(client, protocol=2)
    as_stored_before(client)
    assert use(client, first) is None
    second = refresh(client, first)
    as_stored_before(client)
    third = refresh(client, first)
    assert third["refreshToken"] != second["refreshToken"]
    assert use(client, third) is None
    as_stored_before(client)
    fourth = refresh(client, third)
    assert use(client, fourth) is None and use(client, third) is None


def test_a_version_before_beside_this_one_may_refresh_and_confirm(client, ann):
    """The other version stores its part of the state: the next number, its digest, no branches."""
    first = log_in(client, protocol=2)
    refresh(client, first)
    present = refresh(client, first)
    session_id, pair, user_id = tokens.read_refresh_token(present["refreshToken"])
    assert str(user_id) == ann.id
    theirs = tokens.refresh_token(session_id, pair + 1)
    state = {
        "generation": pair + 1,
        "hash": tokens.digest(theirs),
        "previous_hash": tokens.digest(tokens.refresh_token(session_id, pair)),
        "rotated_at": clock.now(),
    }
    database.db().sessions.update_one({"_id": session_id}, {"$set": {"refresh": state}})
    assert use(client, present) is None
    following = refresh(client, {"refreshToken": theirs})
    assert use(client, following) is None


def test_a_session_ends_in_time_however_often_it_is_refreshed(client, ann, settings):
    settings(REFRESH_ABSOLUTE_SECONDS=3 * DAY, REFRESH_TOKEN_SECONDS=2 * DAY)
    pair = log_in(client, protocol=2)
    for _ in range(2):
        clock.move(timedelta(days=1, hours=11, minutes=45))
        last = pair
        pair = refresh(client, pair)
        assert pair["success"] and use(client, pair) is None
    assert pair["expiresIn"] <= 30 * 60
    clock.move(timedelta(minutes=31))
    assert use(client, pair) == "TOKEN_EXPIRED"
    assert refresh(client, pair)["error"]["code"] == "TOKEN_EXPIRED"
    assert last["refreshToken"] != pair["refreshToken"]


def test_a_session_that_is_older_than_any_may_be_is_over_whatever_its_end_says(client, ann):
    first = log_in(client, protocol=2)
    clock.move(timedelta(days=181))
    database.db().sessions.update_many({}, {"$set": {"expires_at": clock.now() + timedelta(days=20)}})
    assert refresh(client, first)["error"]["code"] == "TOKEN_EXPIRED"


@pytest.mark.parametrize("again", ["the last one, late", "one before the last, at once"])
def test_reuse_ends_the_session_and_its_sockets(client, ann, again):
    first = log_in(client, protocol=2)
    ann.token = first["token"]
    socket = ann.socket()
    second = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]}).json
    if again == "the last one, late":
        ann.token = second["token"]
        assert ann.get("/api/user/profile")["success"]
        clock.move(timedelta(seconds=31))
    else:
        client.post("/api/auth/refresh", json={"refreshToken": second["refreshToken"]})
    answer = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "TOKEN_REVOKED")
    assert socket.received("sessionRevoked") and not socket.connected
    ann.token = second["token"]
    assert ann.get("/api/user/profile")["error"]["code"] == "TOKEN_REVOKED"
    answer = client.post("/api/auth/refresh", json={"refreshToken": second["refreshToken"]})
    assert answer.json["error"]["code"] == "TOKEN_REVOKED"


def test_reuse_ends_no_other_session(client, ann):
    first = log_in(client, protocol=2)
    second = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]}).json
    client.post("/api/auth/refresh", json={"refreshToken": second["refreshToken"]})
    clock.move(timedelta(seconds=31))
    client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]})
    assert ann.get("/api/user/profile")["success"]


def test_forged_refresh_tokens_are_refused_and_end_nothing(client, ann):
    genuine = log_in(client, protocol=2)["refreshToken"]
    session_id, generation, mac, user_id = genuine.split(".")
    forged = [
        f"{session_id}.{generation}.{mac}.{'0' * 24}",
        f"{session_id}.{generation}.{mac}.",
        f"{session_id}.{generation}.{mac}.{user_id}.{user_id}",
        f"{session_id}.{generation}.{mac[:-1]}.{user_id}",
        "x",
        "..",
        genuine[:-2],
        genuine + "x",
        f"{session_id}.7.abc",
        f"{session_id}.{generation}.",
        f"{session_id}.x.y",
        f"{session_id}.99999999999.y",
        f"{'0' * 24}.{generation}.{genuine.split('.')[2]}",
        "é.1.2",
        ann.token,
    ]
    for token in forged:
        answer = client.post("/api/auth/refresh", json={"refreshToken": token})
        code = answer.json["error"]["code"]
        assert (answer.status_code, code) in [(401, "INVALID_REFRESH_TOKEN"), (400, "VALIDATION_ERROR")], token
    assert client.post("/api/auth/refresh", json={"refreshToken": genuine}).status_code == 200


def test_a_refresh_token_ends_after_thirty_days_without_use(client, ann):
    first = log_in(client, protocol=2)["refreshToken"]
    clock.move(timedelta(days=29))
    answer = client.post("/api/auth/refresh", json={"refreshToken": first})
    assert answer.status_code == 200
    clock.move(timedelta(days=31))
    answer = client.post("/api/auth/refresh", json={"refreshToken": answer.json["refreshToken"]})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "TOKEN_EXPIRED")


def test_the_store_has_no_token_in_clear(client, ann):
    answer = log_in(client, protocol=2)
    stored = str(list(database.db().sessions.find({})))
    for token in (answer["refreshToken"], answer["token"], answer["refreshToken"].split(".")[2]):
        assert token not in stored


def test_a_socket_is_told_once_before_its_token_expires(client, ann):
    ann.token = log_in(client, protocol=2)["token"]
    socket = ann.socket()
    clock.move(timedelta(seconds=3600 - 70))
    closing.sweep_expired(60)
    assert socket.received("tokenExpiring") == []
    clock.move(timedelta(seconds=20))
    closing.sweep_expired(60)
    closing.sweep_expired(60)
    (warning,) = socket.received("tokenExpiring")
    assert 40 <= warning["expiresIn"] <= 60


def test_a_socket_goes_on_with_a_fresh_token(client, ann, bob):
    first = log_in(client, protocol=2)
    ann.token = first["token"]
    socket, conversation = ann.socket(), ann.direct(bob)
    clock.move(timedelta(seconds=3550))
    closing.sweep_expired(60)
    fresh = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]}).json["token"]
    answer = socket.call("auth:refresh", {"token": fresh})
    assert answer["success"] and answer["data"]["expiresAt"] > clock.timestamp() + 3500
    clock.move(timedelta(seconds=100))
    closing.sweep_expired(60)
    assert socket.connected
    bob.send(conversation, "still there?")
    assert socket.received("newMessage")[0]["data"]["content"] == "still there?"
    clock.move(timedelta(seconds=3490))
    closing.sweep_expired(60)
    assert len(socket.received("tokenExpiring")) == 2


def test_an_expired_socket_is_closed_with_a_reason_and_hears_nothing_more(client, ann, bob):
    conversation = ann.direct(bob)
    ann.token = log_in(client, protocol=2)["token"]
    socket, other = ann.socket(), bob.socket()
    clock.move(timedelta(seconds=3601))
    closing.sweep_expired(60)
    assert [row["code"] for row in socket.received("tokenExpired")] == ["TOKEN_EXPIRED"] and not socket.connected
    assert other.connected
    bob.send(conversation, "secret")
    assert "secret" not in str(socket.received())


def test_a_session_that_ends_while_a_socket_takes_up_its_token_closes_the_socket(client, ann, monkeypatch):
    inner, second = sessions.authenticate, log_in(client)["token"]
    socket = ann.socket()

    def authenticate(token):
        identity = inner(token)
        client.post("/api/auth/logout", headers={"Authorization": f"Bearer {second}"})
        return identity

    monkeypatch.setattr("chatapp.sockets.connection.sessions.authenticate", authenticate)
    socket.call("auth:refresh", {"token": second})
    assert socket.received("sessionRevoked") and not socket.connected


def test_another_users_token_does_not_refresh_a_socket(ann, bob):
    assert ann.socket().call("auth:refresh", {"token": bob.token})["error"]["code"] == "NOT_ALLOWED"


def test_a_socket_follows_the_session_of_its_new_token(client, ann):
    first, second = ann.token, log_in(client)["token"]
    socket = ann.socket()
    assert socket.call("auth:refresh", {"token": second})["success"]
    ann.post("/api/auth/logout")
    assert socket.connected
    ann.token = second
    ann.post("/api/auth/logout")
    assert not socket.connected and first != second

"""Every route with everything odd that a request can carry: an answer of the project's own, never a crash."""

import json
from itertools import cycle, islice, product

import pytest
from bson import ObjectId

LONG, HUGE = "a" * 5_000, "9" * 5_000
# As WSGI has them: each character is a byte.
ODD = [
    *(
        "",
        " ",
        "\0",
        "\r\nX: y",
        "\x1b[2J\x07",
        "\x7f\x80\x9f",
        LONG,
        HUGE,
        "-1",
        "1e999",
        "-" + HUGE,
        "NaN",
        "null",
        "%",
    ),
    *("%00%0a", "\xff\xfe", "\xed\xa0\x80", "\xe2\x80\xae\xcc\x81", "..", "../../etc/passwd", "\\", "//", "*", "{}"),
    *("[", "'\"", ";=,", "é", "\U0001f600".encode().decode("latin-1"), "0" * 24, "ٱ".encode().decode("latin-1")),
]
ODD_HEADERS = [odd for odd in ODD if "\n" not in odd]  # no server lets a header have that
SHARE = 8  # of what does not depend on the route: requests that each route gets of it
HEADERS = {
    "HTTP_ACCEPT": [";q=x", "*/*;q=1e999", "text/html", "application/json;q=0"],
    "HTTP_ACCEPT_CHARSET": [],
    "HTTP_ACCEPT_ENCODING": ["gzip;q=9", "identity;q=0"],
    "HTTP_ACCEPT_LANGUAGE": ["-;q=", "x" * 300 + "-y"],
    "HTTP_COOKIE": ["a=b; =; ;", '"'],
    "HTTP_EXPECT": [],
    "HTTP_FORWARDED": ["for=_", "for=[::1"],
    "HTTP_IF_MATCH": ["*", 'W/"', '"a", W/"b"'],
    "HTTP_IF_MODIFIED_SINCE": ["Thu, 01 Jan 9999 25:61:61 GMT", "Mon, 32 Foo 0000 00:00:00 +9999", "0"],
    "HTTP_IF_NONE_MATCH": ["*", 'W/"', '"a", W/"b"'],
    "HTTP_IF_RANGE": ['"a"', "Thu, 01 Jan 1970 00:00:00 GMT"],
    "HTTP_IF_UNMODIFIED_SINCE": ["Thu, 01 Jan 9999 25:61:61 GMT", "0"],
    "HTTP_ORIGIN": ["null", "http://[", "http://[::1]:x", "http://a:99999", "HTTP://" + "a." * 200, "file://"],
    "HTTP_RANGE": [
        "bytes=0-",
        "bytes=-",
        "bytes=9-1",
        "bytes=0-0,1-1,-1",
        f"bytes={HUGE}-",
        f"bytes=0-{HUGE}",
        "lines=1-2",
    ],
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": [],
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": [],
    "HTTP_REFERER": [],
    "HTTP_USER_AGENT": [],
    "HTTP_X_CLIENT_PROTOCOL": ["0", "2", "٢".encode().decode("latin-1"), "²"],
    "HTTP_X_DEVICE_ID": [],
    "HTTP_X_FORWARDED_FOR": ["1.2.3.4", "::1", "[::1]:5", ",", "1.2.3.4,", "fe80::1%eth0", "," * 3_000],
    "HTTP_X_FORWARDED_HOST": ["a:b:c", "[::1", ",", "a,b"],
    "HTTP_X_FORWARDED_PORT": ["0", "65536"],
    "HTTP_X_FORWARDED_PREFIX": ["/x", "x/"],
    "HTTP_X_FORWARDED_PROTO": ["https", "gopher", "https,http"],
    "HTTP_X_REQUEST_ID": [],
    "CONTENT_TYPE": [
        "application/json; charset=utf-7",
        "application/json; charset=\0",
        "text/plain",
        "multipart/form-data",
    ],
    "REMOTE_ADDR": ["::ffff:1.2.3.4", "fe80::1%eth0", "256.1.1.1"],
}
ALONE = {  # what is refused before the others are looked at
    "HTTP_HOST": ["localhost:", "a:b", "[::1", "[::1]:99999", "a b", "a" * 300, "xn--\xff", "user@host"],
    "HTTP_AUTHORIZATION": [
        "Bearer",
        "Bearer a.b.c",
        "Bearer " + ".".join([LONG] * 3),
        "Basic Og==",
        "Digest a=",
        "\tBearer x",
    ],
    "CONTENT_LENGTH": ["5", "0x5", "²"],
    "HTTP_TRANSFER_ENCODING": ["chunked", "gzip"],
}
BODIES = [
    b"",
    b"\0",
    b"{",
    b"[]",
    b"null",
    b'{"a": "\\ud800"}',
    b"\xff",
    b'{"limit": ' + b"9" * 5_000 + b"}",
    b"[" * 5_000,
]


def call(app, method, path, query="", body=b"", **environ):
    """Make one request that is as it is; says what is wrong with its answer."""
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "wsgi.input_terminated": True} | environ
    answer = app.test_client().open("/", method=method, data=body, environ_overrides=environ, buffered=True)
    if answer.status_code < 400 or (answer.status_code < 500 and (method == "HEAD" or not path.startswith("/api/"))):
        return []
    try:
        found = json.loads(answer.data)
        told = (
            found["success"] is False and found["error"]["statusCode"] == answer.status_code and found["error"]["code"]
        )
    except (ValueError, KeyError, TypeError):
        told = False
    said = {name: value[:60] for name, value in environ.items() if isinstance(value, str)}
    return [] if told and answer.status_code < 500 else [f"{answer.status_code} {method} {said}: {answer.data[:200]!r}"]


def routes(app):
    """Return each method and rule (HEAD is GET), in an order in which those that end the caller's session come last."""
    rows = [
        (method, rule) for rule in app.url_map.iter_rules() for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
    ]
    return sorted(rows, key=lambda row: ("logout" in row[1].rule or "sessions" in row[1].rule, row[1].rule, row[0]))


def rounds(values):
    """Dicts in which every name meets each of its values (`{name: values}`) at least once, always another one."""
    for turn in range(max(map(len, values.values()))):
        yield {name: odd[(turn + place) % len(odd)] for place, (name, odd) in enumerate(values.items())}


def path_of(rule, value):
    """Return the rule's path with this in the place of each variable."""
    return "".join(value if is_variable else text for is_variable, text in rule._trace).removeprefix("|")


@pytest.fixture
def token(ann, bob):
    ann.direct(bob)
    return f"Bearer {ann.token}"


def test_odd_paths(app, token):
    starts = {rule.rule.partition("<")[0] for rule in app.url_map.iter_rules()} | {"", "//", "/api//", "/socket.io/"}
    faults = [fault for start in sorted(starts) for odd in ODD for fault in call(app, "GET", start + odd)]
    for method, rule in routes(app):
        if rule.arguments:
            for odd in ODD:
                faults += call(
                    app, method, path_of(rule, odd), HTTP_AUTHORIZATION=token, CONTENT_TYPE="application/json"
                )
    assert not faults, "\n".join(faults)


def test_odd_queries(app, token):
    faults = []
    for method, rule in routes(app):
        contract = getattr(app.view_functions[rule.endpoint], "contract", None)
        query_schema = contract.query if contract else None
        names = [field.data_key for field in query_schema.fields.values()] if query_schema else ["any"]
        for fields in rounds(dict.fromkeys(names, ODD)):
            query = "&".join(f"{name}={odd}" for name, odd in fields.items())
            faults += call(app, method, path_of(rule, str(ObjectId())), query, HTTP_AUTHORIZATION=token)
    for name, odd in product(("EIO", "transport", "sid", "j", "t", "b64"), ODD):
        for method in ("GET", "POST"):
            faults += call(app, method, "/socket.io/", f"EIO=4&transport=polling&{name}={odd}")
    assert not faults, "\n".join(faults)


def test_odd_headers(app, token):
    faults = []
    alone = cycle((name, odd) for name, more in ALONE.items() for odd in more + ODD_HEADERS)
    bodies = cycle(BODIES)
    for method, rule in [*routes(app), ("BREW", next(app.url_map.iter_rules())), ("OPTIONS", routes(app)[0][1])]:
        path = path_of(rule, str(ObjectId()))
        for headers in rounds({name: more + ODD_HEADERS for name, more in HEADERS.items()}):
            body = b"" if method == "GET" else next(bodies)
            faults += call(app, method, path, body=body, HTTP_AUTHORIZATION=token, **headers)
        for name, odd in islice(alone, SHARE):
            faults += call(app, method, path, **{name: odd})
    assert not faults, "\n".join(faults)


def test_odd_headers_behind_proxies(other_app, token):
    application = other_app(TRUSTED_PROXIES=2)
    faults, every = [], cycle(rounds({name: more + ODD_HEADERS for name, more in HEADERS.items()}))
    for method, rule in routes(application):
        for headers in islice(every, SHARE):
            faults += call(application, method, path_of(rule, str(ObjectId())), HTTP_AUTHORIZATION=token, **headers)
    assert not faults, "\n".join(faults)

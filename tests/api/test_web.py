"""The web app as it is served: pages, files, caching, compression, policy; and the answer where it is not built."""

import gzip
import re

import pytest

from chatapp.server import banner
from chatapp.services import seeding
from chatapp.settings import config

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = "export const a = 1;\n"


@pytest.fixture
def built(settings, tmp_path):
    """A built web app: a page, a hashed script in all its forms, and a picture."""
    assets = tmp_path / "assets"
    (assets / "icons").mkdir(parents=True)
    (tmp_path / "index.html").write_text("<title>the app</title>")
    (tmp_path / "sw.js").write_text("// worker")
    (assets / "index-AbCd_123.js").write_text(SCRIPT)
    (assets / "index-AbCd_123.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (assets / "index-AbCd_123.js.br").write_bytes(b"brotli")
    (assets / "icons" / "icon-maskable.svg").write_text("<svg/>")
    (assets / "manifest.webmanifest").write_text("{}")
    (tmp_path.parent / "secret.txt").write_text("secret")
    settings(WEB_DIR=str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("accept", [None, "*/*", "application/json, text/plain, */*"])
def test_clients_that_do_not_ask_for_html_hear_that_the_server_runs(client, built, accept):
    answer = client.get("/", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "Server is running", "text/plain")
    assert "Accept" in answer.vary


def test_browsers_get_the_app(client, built):
    answer = client.get("/", headers=HTML)
    assert (answer.status_code, answer.mimetype, answer.text) == (200, "text/html", "<title>the app</title>")
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/app", "/app/login", "/app/chats/65f0c1d2e3f4a5b6c7d8e9f1/info", "/app/no/such"])
def test_every_address_of_the_app_gives_the_app(client, built, path):
    assert client.get(path).text == "<title>the app</title>"


def test_other_addresses_are_still_unknown_routes(client, built):
    assert client.get("/nowhere", headers=HTML).json["error"]["code"] == "ROUTE_NOT_FOUND"
    assert client.get("/assets/nothing.js").json["error"]["code"] == "ROUTE_NOT_FOUND"


def test_a_page_that_is_known_is_not_sent_again(client, built):
    tag = client.get("/app").headers["ETag"]
    assert client.get("/app", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", b"brotli"),
        ("gzip", "gzip", gzip.compress(SCRIPT.encode())),
        ("br;q=0, gzip;q=0", None, SCRIPT.encode()),
        (None, None, SCRIPT.encode()),
    ],
)
def test_files_come_in_the_smallest_form_that_the_client_takes(client, built, accepted, encoding, body):
    answer = client.get("/assets/index-AbCd_123.js", headers={"Accept-Encoding": accepted} if accepted else {})
    assert (answer.headers.get("Content-Encoding"), answer.data[:4]) == (encoding, body[:4])
    assert answer.mimetype == "text/javascript" and "Accept-Encoding" in answer.vary


def test_what_is_named_by_its_content_is_kept_for_ever(client, built):
    hashed = client.get("/assets/index-AbCd_123.js").headers["Cache-Control"]
    assert "immutable" in hashed and "max-age=31536000" in hashed
    assert client.get("/assets/icons/icon-maskable.svg").headers["Cache-Control"] == "public, max-age=86400"
    assert client.get("/sw.js").headers["Cache-Control"] == "no-cache"


def test_media_types_are_those_that_browsers_insist_on(client, built):
    assert client.get("/assets/icons/icon-maskable.svg").mimetype == "image/svg+xml"
    assert client.get("/assets/manifest.webmanifest").mimetype == "application/manifest+json"
    assert client.get("/sw.js").mimetype == "text/javascript"


@pytest.mark.parametrize(
    "path", ["../../secret.txt", "%2e%2e/%2e%2e/secret.txt", "x/../../../secret.txt", "x\\..\\y", "a%00b"]
)
def test_nothing_outside_of_the_folder_is_given(client, built, path):
    answer = client.get(f"/assets/{path}")
    assert answer.status_code == 404 and b"secret" not in answer.data


@pytest.mark.parametrize("path", ["/", "/app/login", "/sw.js", "/assets/index-AbCd_123.js"])
def test_the_policy_lets_only_the_apps_own_files_run(client, built, path):
    policy = client.get(path, headers=HTML).headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors"):
        assert part in policy
    assert "unsafe" not in policy and "require-trusted-types-for 'script'" in policy


@pytest.mark.parametrize("path", ["/", "/app/login"])
def test_where_nothing_is_built_the_page_says_what_to_do(client, settings, tmp_path, path):
    settings(WEB_DIR=str(tmp_path / "nothing"))
    answer = client.get(path, headers=HTML)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "make web" in answer.text and "not built" in answer.text
    assert client.get("/").text == "Server is running"


def test_the_style_of_that_page_is_allowed_by_its_policy(client, settings, tmp_path):
    settings(WEB_DIR=str(tmp_path))
    answer = client.get("/", headers=HTML)
    assert re.search(r"style-src 'sha256-[\w+/=]{44}'", answer.headers["Content-Security-Policy"])


@pytest.mark.parametrize("environment", ["testing", "production"])
def test_demo_users_are_not_named_outside_development(client, settings, environment):
    seeding.demo_data()
    settings(APP_ENV=environment)
    assert client.get("/api/web").json["data"] == {"demoUsers": []}


def test_demo_users_are_named_in_development(client, settings):
    seeding.demo_data()
    settings(APP_ENV="development")
    named = client.get("/api/web").json["data"]["demoUsers"]
    assert [row["name"] for row in named] == ["Tini", "Suvankar", "Bdbb", "Krish"]
    answer = client.post("/api/auth/login", json={name: named[0][name] for name in ("email", "password")})
    assert answer.status_code == 200


def test_demo_users_that_are_not_there_are_not_named(client, settings):
    settings(APP_ENV="development")
    assert client.get("/api/web").json["data"] == {"demoUsers": []}


def test_the_app_costs_no_anonymous_calls(other_app, built):
    client = other_app(RATE_ANONYMOUS="1 per hour", WEB_DIR=str(built)).test_client()
    paths = ["/", "/app", "/sw.js", "/assets/index-AbCd_123.js", "/api/web"]
    assert [client.get(path, headers=HTML).status_code for path in paths * 2] == [200] * 10


def test_the_banner_leads_to_the_app_and_in_development_to_the_demo_users(app, settings, built):
    settings(WEB_DIR=str(built), APP_ENV="development")
    shown = banner.text(config(), None)
    assert "Web app:  open the address above; the demo users are one click away" in shown
    assert "tini@test.com" in shown
    settings(APP_ENV="production")
    shown = banner.text(config(), None)
    assert "Web app:  open the address above" in shown
    assert "demo" not in shown and "password123" not in shown


def test_the_banner_says_how_to_get_the_app_where_there_is_none(app, settings, tmp_path):
    settings(WEB_DIR=str(tmp_path))
    assert "Web app:  not built; `make web`" in banner.text(config(), None)


@pytest.mark.parametrize(
    "name", ["x" * 300, "x" * 5_000, "%00", "a%00.js", "..%2f..%2fconfig.py", "%2e%2e/x", "%ff", "%1b[31m"]
)
@pytest.mark.parametrize("folder", ["/assets/", "/api/docs/", "/nowhere/"])
def test_a_name_that_no_file_can_have_is_not_found(client, log, folder, name):
    answer = client.get(folder + name)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "ROUTE_NOT_FOUND")
    assert "Traceback" not in log.text and "\x1b" not in log.text


def test_a_page_that_crashes_counts_against_whoever_asks(client, settings, monkeypatch):
    settings(RATE_ANONYMOUS="2 per hour")

    def crash(_):
        raise RuntimeError("a fault nobody foresaw")

    assert [client.get("/assets/x").status_code for _ in range(5)] == [404] * 5
    monkeypatch.setattr("chatapp.api.web._forms", crash)
    assert [client.get("/assets/x").status_code for _ in range(4)] == [500, 500, 429, 429]


@pytest.mark.parametrize(
    ("engine", "is_embedded", "said"),
    [
        ("chatapp", False, "Redis at cache.example:6379 carries between them"),
        ("chatapp", True, "this one alone, on the embedded store"),
        ("stock", False, "this one alone, with ENGINE=stock"),
    ],
)
def test_the_banner_says_how_many_workers_and_what_carries(app, settings, monkeypatch, engine, is_embedded, said):
    monkeypatch.setattr(banner.database, "is_embedded", lambda: is_embedded)
    monkeypatch.setattr(banner.database, "store_name", lambda: "a store")
    settings(WEB_CONCURRENCY=4, REDIS_URL="redis://somebody:secret@cache.example:6379/0", ENGINE=engine)
    shown = banner.text(config(), None)
    assert "Workers:  4, on one machine: Unix sockets carry between them" in shown
    assert f"Machines: {said}" in shown
    assert "secret" not in shown


def test_the_banner_of_one_process_says_nothing_of_others(app):
    assert not {"Workers:", "Machines:"} & set(banner.text(config(), None).split())

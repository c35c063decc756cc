"""The composer asks for the preview of a link. Nobody learns from it what is inside."""

import pytest

from chatapp.services import link_pages
from tests.outbound.conftest import names, page  # noqa: F401
from tests.services.acting import code_of

PAGE = b"""<!doctype html><html><head><title>Own title</title>
<meta content='A &quot;good&quot; story' property="og:title"><meta name=description content="All
of it"><meta property="og:site_name" content="The \xe2\x80\xaeSite"></head><body><meta property="og:title" content="no">
</body>"""


@pytest.fixture
def previews(settings):
    """Link previews are on, and loopback may be called."""
    settings(LINK_PREVIEWS=True, OUTBOUND_ALLOW=("127.0.0.1",))


def ask(person, url):
    """Return the answer to a question for a preview."""
    return person.get("/api/link-preview", query_string={"url": url})


def test_a_page_says_what_it_is(previews, ann, page):  # noqa: F811
    page.body = PAGE
    for _ in range(2):
        answer = ask(ann, page.url("/a#part"))
        assert answer["data"] == {
            "url": page.url("/a#part"),
            "title": 'A "good" story',
            "description": "All of it",
            "siteName": "The Site",
            "image": None,
        }
    assert len(page.asked) == 1


@pytest.mark.parametrize("kind", ["inside", "closed", "status", "type", "empty", "packed"])
def test_why_there_is_none_is_not_told(previews, ann, page, kind):  # noqa: F811
    page.body = b"no title" if kind == "empty" else PAGE
    page.status = "404 Not Found" if kind == "status" else "200 OK"
    if kind == "type":
        page.headers = [("Content-Type", "application/pdf")]
    if kind == "packed":
        page.headers += [("Content-Encoding", "gzip")]
    url = {"inside": f"http://127.0.0.2:{page.port}/", "closed": "http://127.0.0.1:1/"}.get(kind, page.url())
    answer = ask(ann, url)
    error = {key: value for key, value in answer["error"].items() if key != "requestId"}
    assert error == {
        "code": "LINK_PREVIEW_NOT_FOUND",
        "message": "There is no preview of this address",
        "statusCode": 404,
    }


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://page.test/", "javascript:alert(1)", "https://a@b.test/", "https://x" * 900]
)
def test_what_is_no_link_is_refused(previews, ann, url):
    assert code_of(ask(ann, url)) == "VALIDATION_ERROR"


def test_previews_can_be_switched_off(settings, ann, page):  # noqa: F811
    settings(LINK_PREVIEWS=False, OUTBOUND_ALLOW=("127.0.0.1",))
    assert code_of(ask(ann, page.url())) == "NOT_ALLOWED"
    assert page.asked == []


def test_previews_have_a_limit_of_their_own(previews, settings, ann, bob, page):  # noqa: F811
    settings(RATE_LINK_PREVIEWS="1 per minute")
    page.body = PAGE
    assert ask(ann, page.url())["success"]
    assert code_of(ask(ann, page.url())) == "RATE_LIMITED"
    assert ask(bob, page.url())["success"]


@pytest.mark.parametrize(
    ("body", "content_type", "title"),
    [
        ("<title>Grüße</title>".encode("latin-1"), "text/html; charset=iso-8859-1", "Grüße"),
        ('<meta charset="windows-1251"><title>Привет</title>'.encode("cp1251"), "text/html", "Привет"),
        (b"<title>\xff</title>", "text/html; charset=punycode", "\ufffd"),
        (b"<title>" + b"x" * 1000, "text/html", "x" * 199 + "…"),
        (b"<title> \n </title>", "text/html", None),
        (b"<svg><title>x</title></svg>", "image/svg+xml", None),
        (b"x" * link_pages.HEAD_BYTES + b"<title>late</title>", "text/html", None),
    ],
)
def test_titles_of_all_kinds(body, content_type, title):
    found = link_pages.read(body, content_type)
    assert (found and found[0]) == title


@pytest.mark.parametrize(
    "piece", [b"<meta ", b"<title ", b"<meta a=", b'<meta a="', b"<meta a='\"", b"<meta " + b"a" * 39]
)
def test_a_page_made_to_take_long_does_not(piece):
    assert link_pages.read(piece * (1_000_000 // len(piece)), "text/html") in (None, ("", "", ""))

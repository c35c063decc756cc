"""The web app (clients/web): its built files, compressed and cached; or what is missing where none are built."""

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.security import safe_join

from chatapp import errors
from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.server import WebOut
from chatapp.services import seeding
from chatapp.services.media import addresses
from chatapp.settings import config

bp = Blueprint("web", __name__)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: https: http:; "
    "media-src 'self' blob:{files}; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types chatapp"
)
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_NAMED_BY_CONTENT = re.compile(r"[^/]+-[\w-]{8}\.\w+|emoji-[\d.]+/.+")
_FOR_EVER = "public, max-age=31536000, immutable"
_FOR_A_DAY = "public, max-age=86400"
_ASK_EACH_TIME = "no-cache"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:10vh auto;padding:0 1em}"
    "code{background:#8883;padding:2px 6px;border-radius:4px}:root{color-scheme:light dark}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_MISSING = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>chatapp</title>
<style>{_STYLE}</style></head>
<body>
<h1>The server is running, but its web app is not built</h1>
<p>The API works: see <a href="/api/docs">its documentation</a>. To build the web app, run in the server's folder</p>
<p><code>make web</code></p>
<p>and load this page again; the server need not be restarted. It takes Node 20.19 or newer from this machine, or gets
Node from PyPI, and its packages from the npm registry. When that fails, it says why.</p>
</body>
</html>
"""


@bp.get("/")
def root() -> Response:
    """Serve the web app; "Server is running" to clients that do not ask for HTML."""
    wants_page = "text/html" in request.accept_mimetypes.values()
    answer = _page() if wants_page else Response("Server is running", mimetype="text/plain")
    answer.vary.add("Accept")
    return answer


@bp.get("/app", endpoint="app_root")
@bp.get("/app/<path:route>")
def app(route: str = "") -> Response:
    """Serve the web app, which interprets the rest of the address itself."""
    return _page()


@bp.get("/assets/<path:name>")
def asset(name: str) -> Response:
    """Serve a file of the web app."""
    return _file(f"assets/{name}", _FOR_EVER if _NAMED_BY_CONTENT.fullmatch(name) else _FOR_A_DAY)


@bp.get("/sw.js")
def worker() -> Response:
    """Serve the web app's service worker from the root, since it controls only pages below its own address."""
    return _file("sw.js", _ASK_EACH_TIME)


@bp.get("/api/web")
@endpoint(out=WebOut, signed_in=False)
def about() -> Answer:
    """Return the facts that the web app needs before log-in: the demo users, in development only."""
    return {"data": {"demoUsers": seeding.demo_users()}}


def _page() -> Response:
    if not config().is_web_built:
        answer = Response(_MISSING, 503, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'"
        return answer
    return _file("index.html", _ASK_EACH_TIME)


def _file(name: str, caching: str) -> Response:
    """Return a built file, in the smallest of its forms that the client takes. Raises NotFound."""
    encoding, path = next(_forms(name), (None, None))
    if path is None:
        raise errors.NotFound(Code.ROUTE_NOT_FOUND, "Route not found")
    kind = next((kind for ending, kind in _TYPES.items() if name.endswith(ending)), "application/octet-stream")
    answer = Response(path.read_bytes(), mimetype=kind)
    answer.headers["Content-Security-Policy"] = _POLICY.format(files=" ".join(["", *addresses.origins()]))
    answer.headers["Cache-Control"] = caching
    if encoding:
        answer.content_encoding = encoding
    answer.vary.add("Accept-Encoding")
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _forms(name: str) -> Iterator[tuple[str | None, Path]]:
    """Return (Content-Encoding, file) of each form of a file that is there and accepted, the smallest first."""
    for encoding, suffix in (("br", ".br"), ("gzip", ".gz"), (None, "")):
        path = safe_join(str(config().web_path), name + suffix)
        accepted = encoding is None or request.accept_encodings.quality(encoding) > 0
        if path and accepted and _is_file(Path(path)):
            yield encoding, Path(path)


def _is_file(path: Path) -> bool:
    """Return whether the file exists: False for a name that no file can have (too long, with a null character)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False

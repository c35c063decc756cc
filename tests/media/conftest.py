"""Fixtures of tests of files: both stores of files, and uploading."""

import base64
import uuid

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chatapp import blobs
from chatapp.blobs import choice
from chatapp.services.media import checking
from tests.conftest import PATIENCE_SECONDS, eventually


@pytest.fixture(scope="session")
def s3():
    """The address of an S3 of the tests' own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def files(request, app, settings, tmp_path):
    """The store of files, one of each kind, empty."""
    if request.param == "folder":
        settings(INSTANCE_DIR=str(tmp_path))
    else:
        url, bucket = request.getfixturevalue("s3"), f"media-{uuid.uuid4().hex[:8]}"
        keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "only-for-tests"}
        boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys).create_bucket(Bucket=bucket)
        settings(
            INSTANCE_DIR=str(tmp_path),
            MEDIA_S3_BUCKET=bucket,
            MEDIA_S3_ENDPOINT=url,
            MEDIA_S3_KEY_ID="tests",
            MEDIA_S3_SECRET="only-for-tests",
        )
    choice.forget()
    yield blobs.current()
    checking.running.join(PATIENCE_SECONDS)
    choice.forget()


TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**fields):
    """Return the header in which tus says what a file is called."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())


class Uploader:
    """Uploads of one person by tus."""

    def __init__(self, person):
        self.person = person

    def begin(self, length, data=None, headers=None, **fields):
        """Begin an upload; return the response."""
        told = {"Upload-Length": str(length), "Upload-Metadata": metadata(**fields), **(headers or {})}
        kind = TUS if data is None else BYTES
        return self.person.rest("POST", "/api/uploads", headers={**kind, **told}, data=data or b"")

    def append(self, address, offset, data, **headers):
        """Send the next bytes; return the response."""
        told = {**BYTES, "Upload-Offset": str(offset), **headers}
        return self.person.rest("PATCH", address, headers=told, data=data)

    def offset(self, address):
        """Return how much has come."""
        answer = self.person.rest("HEAD", address, headers=TUS)
        return int(answer.headers["Upload-Offset"]) if answer.status_code == 200 else answer.status_code

    def whole(self, data, **fields):
        """Upload a file; return what it is once it is ready."""
        answer = self.begin(len(data), data, **fields)
        assert answer.status_code == 201, answer.json
        return self.ready(answer.headers["Location"].rpartition("/")[2])

    def ready(self, media_id):
        """Return a file when it was checked."""

        def checked():
            media = self.person.get(f"/api/media/{media_id}")["data"]
            return media if media["state"] in ("ready", "refused") else None

        return eventually(checked)


@pytest.fixture
def uploads(files, ann):
    """Ann's uploads, on each store of files."""
    return Uploader(ann)

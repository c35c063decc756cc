"""Files in a bucket of S3, or of any service that speaks its protocol (MinIO, R2, Garage, …), by boto3."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from chatapp.blobs.store import KEY, PIECE_BYTES, require_key
from config import Config

ADDRESS_SECONDS = 300
_TIMEOUT_SECONDS = 10
_MOST_DELETED = 1_000  # at once
_NOT_THERE = ("404", "NoSuchKey", "NotFound")

R = TypeVar("R")


class Bucket:
    """Files by key. The client's sockets are gevent's, so that others go on while one waits; it uses no threads."""

    def __init__(self, config: Config) -> None:
        self.name = f"the bucket {config.MEDIA_S3_BUCKET}"
        self._bucket = config.MEDIA_S3_BUCKET
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=config.MEDIA_S3_ENDPOINT or None,
            region_name=config.MEDIA_S3_REGION,
            aws_access_key_id=config.MEDIA_S3_KEY_ID or None,
            aws_secret_access_key=config.MEDIA_S3_SECRET or None,
            config=ClientConfig(
                connect_timeout=_TIMEOUT_SECONDS,
                read_timeout=_TIMEOUT_SECONDS,
                signature_version="s3v4",
                s3={"addressing_style": "path"} if config.MEDIA_S3_ENDPOINT else None,
            ),
        )
        self._transfer = TransferConfig(use_threads=False)

    def put(self, key: str, path: Path) -> None:
        """Keep this file, durably when the call returns."""
        require_key(key)
        _translated(lambda: self._client.upload_file(str(path), self._bucket, key, Config=self._transfer))

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """Yield so many bytes of a file, in pieces. Raises FileNotFoundError, at once."""
        if length <= 0:
            return iter(())
        span = f"bytes={start}-{start + length - 1}"
        found = _translated(lambda: self._client.get_object(Bucket=self._bucket, Key=require_key(key), Range=span))
        return _pieces(found["Body"])

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a file; None where there is none."""
        try:
            found = _translated(lambda: self._client.head_object(Bucket=self._bucket, Key=require_key(key)))
        except FileNotFoundError:
            return None
        return int(found["ContentLength"])

    def delete(self, keys: list[str]) -> None:
        """Delete these files: nothing is left of them."""
        for start in range(0, len(keys), _MOST_DELETED):
            some = [{"Key": require_key(key)} for key in keys[start : start + _MOST_DELETED]]
            delete = partial(self._client.delete_objects, Bucket=self._bucket, Delete={"Objects": some, "Quiet": True})
            answer = _translated(delete)
            if answer.get("Errors"):
                raise OSError(f"{self.name} keeps {len(answer['Errors'])} files that should be deleted")

    def keys(self) -> Iterator[str]:
        """Yield the keys of all files, in no order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        rows = iter(pages)
        while (page := _translated(lambda: next(rows, None))) is not None:
            yield from (row["Key"] for row in page.get("Contents", ()) if KEY.fullmatch(row["Key"]))

    def address(self, key: str, headers: dict[str, str]) -> str | None:
        """Return an address at which anybody reads the file for five minutes, with these headers."""
        named = {
            "Bucket": self._bucket,
            "Key": require_key(key),
            "ResponseContentType": headers["Content-Type"],
            "ResponseContentDisposition": headers["Content-Disposition"],
            "ResponseCacheControl": headers["Cache-Control"],
        }
        return str(self._client.generate_presigned_url("get_object", Params=named, ExpiresIn=ADDRESS_SECONDS))


def _translated(call: Callable[[], R]) -> R:
    """Return what the call returns; its failures are OSErrors, as a folder's."""
    try:
        return call()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _NOT_THERE:
            raise FileNotFoundError("There is no such file in the bucket") from None
        raise OSError(f"The bucket answers: {error}") from error
    except BotoCoreError as error:
        raise OSError(f"The bucket can't be reached: {error}") from error


def _pieces(body: Any) -> Iterator[bytes]:
    with body:
        while data := _translated(lambda: body.read(PIECE_BYTES)):
            yield data

"""Look into one file: bound this process, find out what the file is, print the answer.

The job is `{path, out_dir, as_document, memory_bytes}`. Two lines are printed: `begun`, and the answer as JSON with
the fields of `Inspected`, or `{state: "refused", reason}`.
"""

import hashlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from chatapp.media_inspection.child.refusals import Refused

CPU_SECONDS = 20
Answer = dict[str, Any]


def main() -> None:
    """Do the job that the command line names."""
    job = json.loads(sys.argv[2])
    path = Path(job["path"])
    bound(job["memory_bytes"], path.stat().st_size)
    print("begun", flush=True)
    try:
        answer = {} if job["as_document"] else look(path, Path(job["out_dir"]))
        answer = describe({"path": str(path), **answer})
    except Refused as refusal:
        answer = {"state": "refused", "reason": str(refusal)}
    except MemoryError:
        answer = {"state": "refused", "reason": "looking into it needs too much memory"}
    print(json.dumps(answer), flush=True)


def bound(memory_bytes: int, file_bytes: int) -> None:
    """Bound this process, and let everything else of the machine go first."""
    os.closerange(3, 1024)
    os.nice(10)
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_FSIZE: 2 * file_bytes + 300_000_000,
    }
    for limit, most in limits.items():
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(limit, (most, most))
        except (OSError, ValueError):  # macOS has no bound for the address space
            continue


def look(path: Path, folder: Path) -> Answer:
    """Return what the first decoder that can read the file says of it; nothing for a document. Raises Refused."""
    for decoder in ("pictures", "recordings"):
        try:
            module = __import__(f"chatapp.media_inspection.child.{decoder}", fromlist=["look"])
            answer: Answer | None = module.look(path, folder)
        except (Refused, MemoryError):
            raise
        except Exception:  # noqa: S112 - the decoder is not there, or a broken file made it raise anything
            continue
        if answer:
            return answer
    return {}


def describe(answer: Answer) -> Answer:
    """Return the answer with the kind of a document where nothing was found, and the size and hash of its file."""
    path = Path(answer["path"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    return {"kind": "document", "mime": "application/octet-stream", **answer, "size": size, "sha256": digest}


if __name__ == "__main__":
    main()

"""What `make test` does: the suite on the embedded store and, when TEST_MONGO_URI names a server, on MongoDB too.

In parts, side by side, because tests also wait: for the disk, the database, servers that start. Those that kill the
database's server come when nobody else needs it. Arguments go to pytest.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED = ("embedded 1/2", "embedded 2/2")
MONGO = ("mongo 1/2", "mongo 2/2")
ALONE = "mongo alone"
MEMORY = Path("/dev/shm")  # noqa: S108 - the embedded stores of tests lie there: they need not survive a power cut
ENOUGH_BYTES = 2 << 30
FAILED, NO_TESTS = 1, 5


def main() -> int:
    """0 when every part is green."""
    os.chdir(ROOT)
    has_mongo = bool(os.environ.get("TEST_MONGO_URI"))
    with ThreadPoolExecutor(len(EMBEDDED) + len(MONGO)) as pool:
        parts = [pool.submit(run, part) for part in EMBEDDED + (MONGO if has_mongo else ())]
        if has_mongo:
            parts.append(pool.submit(run_after, parts[len(EMBEDDED) :], ALONE))
        return max(part.result() for part in parts)


def run_after(others: list[Future[int]], part: str) -> int:
    """Run a part when others have ended."""
    for other in others:
        other.result()
    return run(part)


def run(part: str) -> int:
    """Run one part, show what it says when it has ended, give 0 when it is green."""
    environment = dict(os.environ)
    if "TMPDIR" not in environment and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
        environment["TMPDIR"] = str(MEMORY)
    if part in EMBEDDED:
        environment.pop("TEST_MONGO_URI", None)
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--part", part, *sys.argv[1:]]
        code = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
        output.seek(0)
        sys.stdout.write(f"\n{part}:\n{output.read().decode()}")
        sys.stdout.flush()
    return 0 if code in (0, NO_TESTS) else FAILED


if __name__ == "__main__":
    sys.exit(main())

"""What `make test` does: the suite on the embedded store and, when TEST_MONGO_URI names a server, on MongoDB too.

In parts, side by side, because tests also wait: for the disk, the database, servers that start. The parts of a store
share its tests out as they go (tests/conftest.py). Those that kill the database's server come when nobody else needs
it. Arguments go to pytest.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED = ("embedded 1", "embedded 2")
MONGO = ("mongo 1", "mongo 2")
ALONE = "mongo alone"
MEMORY = Path("/dev/shm")  # noqa: S108 - the embedded stores of tests lie there: they need not survive a power cut
ENOUGH_BYTES = 2 << 30
FAILED, NO_TESTS = 1, 5
Result = tuple[int, str]


def main() -> int:
    """0 when every part is green."""
    os.chdir(ROOT)
    has_mongo = bool(os.environ.get("TEST_MONGO_URI"))
    # One seed for all: tests that are made from a set have the same names in every part.
    os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(1 << 32)))  # noqa: S311 - no secret
    # Or each part, and each server that a test starts, compiles every module anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as claims, ThreadPoolExecutor(len(EMBEDDED) + len(MONGO) + 1) as pool:
        parts = [pool.submit(run, part, claims) for part in EMBEDDED + (MONGO if has_mongo else ())]
        if has_mongo:
            parts.append(pool.submit(run_after, parts[len(EMBEDDED) :], ALONE, claims))
        results = [part.result() for part in parts]
    said = " ".join(sys.argv[1:]) or "all tests"
    print(f"\nRun on the embedded store ({said}): {summary(results[: len(EMBEDDED)])}")
    if has_mongo:
        print(f"Run on MongoDB ({said}): {summary(results[len(EMBEDDED) :])}")
    else:
        print("Left out: the same tests on MongoDB, because TEST_MONGO_URI names no server.")
    skipped = {line for _, output in results for line in re.findall(r"^SKIPPED \[\d+\] (.*)$", output, re.MULTILINE)}
    for line in sorted(skipped):
        print(f"Left out: {line}")
    return max(code for code, _ in results)


def summary(results: list[Result]) -> str:
    """How many tests ended how, in these parts together."""
    total: Counter[str] = Counter()
    for _, output in results:
        last_line = output.rstrip().rpartition("\n")[2]
        for number, outcome in re.findall(r"(\d+) (passed|failed|skipped|error)", last_line):
            total[outcome] += int(number)
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(total.items())) or "none"


def run_after(others: list[Future[Result]], part: str, claims: str) -> Result:
    """Run a part when others have ended."""
    for other in others:
        other.result()
    return run(part, claims)


def run(part: str, claims: str) -> Result:
    """Run one part, show what it says when it has ended; 0 when it is green, and what it said."""
    environment = dict(os.environ)
    if "TMPDIR" not in environment and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
        environment["TMPDIR"] = str(MEMORY)
    if part in EMBEDDED:
        environment.pop("TEST_MONGO_URI", None)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-rsfE",
        f"--part={part}",
        f"--claims={claims}",
    ]
    with tempfile.TemporaryFile() as file:
        command += sys.argv[1:]
        code = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
        file.seek(0)
        output = file.read().decode()
    print(f"\n{part}:\n{output}", flush=True)
    return (0 if code in (0, NO_TESTS) else FAILED), output


if __name__ == "__main__":
    sys.exit(main())

"""`make test`: the suite on the embedded store and, when TEST_MONGO_URI names a server, on MongoDB too.

In parts, side by side, because tests also wait: for the disk, the database, servers that start. The parts of a store
share its tests out as they go (tests/conftest.py). Those that kill the database's server, or have several processes,
come when nobody else needs it. Arguments go to pytest. MEASURE names rooms (`tests/api tests/services …`) whose tests
on the embedded store are run first, and measured by coverage.
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
SKIPPED = re.compile(r"^SKIPPED \[(\d+)\] ([^:\s]+)(?::\d+)?: (.*)$", re.MULTILINE)
Result = tuple[int, str]


def main() -> int:
    """Run all parts; return 0 when every one is green."""
    os.chdir(ROOT)
    has_mongo = bool(os.environ.get("TEST_MONGO_URI"))
    # One seed for all: tests that are made from a set have the same names in every part.
    os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(1 << 32)))  # noqa: S311 - no secret
    # Or each part, and each server that a test starts, compiles every module anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as claims, ThreadPoolExecutor(len(EMBEDDED) + len(MONGO) + 1) as pool:
        parts = [pool.submit(run_embedded, part, claims) for part in EMBEDDED]
        parts += [pool.submit(run, part, claims) for part in (MONGO if has_mongo else ())]
        if has_mongo:
            parts.append(pool.submit(run_after, parts[len(EMBEDDED) :], ALONE, claims))
        results = [part.result() for part in parts]
    lines = summary(results[: len(EMBEDDED)], results[len(EMBEDDED) :] if has_mongo else None)
    print("", *lines, sep="\n")
    if name := os.environ.get("TEST_SUMMARY"):
        Path(name).write_text("".join(f"{line}\n" for line in lines))
    return max(code for code, _ in results)


def summary(embedded: list[Result], mongo: list[Result] | None) -> list[str]:
    """Return one line for each thing that was run or left out."""
    named = " ".join(sys.argv[1:]) or "all tests"
    lines = [f"Run on the embedded store ({named}): {outcomes(embedded)}", *left_out("the embedded store", embedded)]
    if mongo is None:
        return [*lines, "Left out: the same tests on MongoDB, because TEST_MONGO_URI names no server."]
    return [*lines, f"Run on MongoDB ({named}): {outcomes(mongo)}", *left_out("MongoDB", mongo)]


def left_out(store: str, results: list[Result]) -> list[str]:
    """Return one line for each file and reason with the tests that were skipped."""
    total: Counter[tuple[str, str]] = Counter()
    for _, output in results:
        for number, file, reason in SKIPPED.findall(output):
            total[file, reason] += int(number)
    return [f"Left out on {store}: {number} of {file}: {reason}" for (file, reason), number in sorted(total.items())]


def outcomes(results: list[Result]) -> str:
    """Return the number of tests by outcome, in these parts together."""
    total: Counter[str] = Counter()
    for _, output in results:
        for line in re.findall(r"^=*(.*) in [\d.]+s", output, re.MULTILINE):
            for number, outcome in re.findall(r"(\d+) (passed|failed|skipped|error)", line):
                total[outcome] += int(number)
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(total.items())) or "none"


def run_after(others: list[Future[Result]], part: str, claims: str) -> Result:
    """Run a part when others have ended."""
    for other in others:
        other.result()
    return run(part, claims)


def run_embedded(part: str, claims: str) -> Result:
    """Run a part on the embedded store: what MEASURE names under coverage, then the other rooms."""
    rooms = os.environ.get("MEASURE", "").split()
    if not rooms:
        return run(part, claims)
    others = sorted(str(room.parent.relative_to(ROOT)) for room in ROOT.glob("tests/*/__init__.py"))
    measured = run(part, claims, *rooms, COVERAGE_PROCESS_START=str(ROOT / "pyproject.toml"))
    rest = run(part, claims, *(room for room in others if room not in rooms))
    return max(measured[0], rest[0]), measured[1] + rest[1]


def run(part: str, claims: str, *rooms: str, **settings: str) -> Result:
    """Run one part, show what it says when it has ended; 0 when it is green, and what it said."""
    environment = os.environ | settings
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
        command += rooms or sys.argv[1:]
        code = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
        file.seek(0)
        output = file.read().decode()
    print(f"\n{part}:\n{output}", flush=True)
    return (0 if code in (0, NO_TESTS) else FAILED), output


if __name__ == "__main__":
    sys.exit(main())

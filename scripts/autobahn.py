"""`make autobahn`: Autobahn's fuzzing client, all cases but compression, against the WebSocket driver.

The client is Python 2 code: it needs a CPython 2.7 (on the PATH, from pyenv, or named by PYTHON2). Exit code 0 when
every case is OK or informational, 1 when one is not, 2 when there is no such Python (0 with --if-possible).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "build" / "autobahn"
REQUIREMENTS = ROOT / "scripts" / "autobahn.txt"
GOOD = {"OK", "INFORMATIONAL"}


def main() -> int:
    """Install, serve, run, report."""
    python = find_python()
    if python is None:
        print("Autobahn's client needs CPython 2.7; tests/engine/test_rfc6455.py has the same kinds of cases.")
        return 0 if "--if-possible" in sys.argv else 2
    environment = {**os.environ, "PYTHONUSERBASE": str(BASE)}
    install(python, environment)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "tests" / "protocol_app.py"), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            return run(python, environment, Path(folder), address_of(server))
        finally:
            server.terminate()
            server.wait()


def find_python() -> str | None:
    """Return the path of a CPython 2.7, if there is one."""
    pyenv = sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))
    for candidate in (os.environ.get("PYTHON2"), shutil.which("python2.7"), *map(str, pyenv)):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def install(python: str, environment: dict[str, str]) -> None:
    """Install the client under build/, once."""
    stamp = BASE / "installed"
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing Autobahn's test suite …", flush=True)
    options = ["--quiet", "--user", "--no-warn-script-location", "-r", str(REQUIREMENTS)]
    subprocess.run(
        [python, "-W", "ignore", "-m", "pip", "install", *options],
        env={**environment, "PYTHONWARNINGS": "ignore"},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    stamp.write_text(wanted)


def address_of(server: "subprocess.Popen[str]") -> str:
    """Return the address that the server says it listens on."""
    assert server.stdout is not None
    return server.stdout.readline().rpartition("http://")[2].strip()


def run(python: str, environment: dict[str, str], folder: Path, address: str) -> int:
    """Run all cases; gives the exit code."""
    spec = {
        "outdir": str(folder / "report"),
        "servers": [{"agent": "engine", "url": f"ws://{address}/echo"}],
        "cases": ["*"],
        "exclude-cases": ["12.*", "13.*"],  # compression
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [python, "-m", "autobahntestsuite.wstest", "-m", "fuzzingclient", "-s", str(folder / "spec.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    index = folder / "report" / "index.json"
    if not index.exists():
        print(done.stdout[-2000:], done.stderr[-2000:])
        return 1
    return report(json.loads(index.read_text())["engine"])


def report(cases: dict[str, dict[str, object]]) -> int:
    """Print how many cases came out how, and which are not good."""
    for behavior, count in Counter(str(row["behavior"]) for row in cases.values()).most_common():
        print(f"{count:4} {behavior}")
    bad = {name: row for name, row in cases.items() if not {row["behavior"], row["behaviorClose"]} <= GOOD}
    for name, row in sorted(bad.items()):
        print(f"case {name}: {row['behavior']}, close {row['behaviorClose']}, code {row['remoteCloseCode']}")
    print(f"{len(cases)} cases, {len(bad)} bad")
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main())

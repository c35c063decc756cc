"""What `make chaos` does: the delivery lab's long schedule on each store, one after the other.

CHAOS_SENDS (100,000) and CHAOS_SEED (1) change it. TEST_MONGO_CONTROL names a program that takes `kill` and `start`.
"""

import os
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """The exit code of the first store where a promise was broken, or 0."""
    os.chdir(ROOT)
    sends, seed = os.environ.get("CHAOS_SENDS", "100000"), os.environ.get("CHAOS_SEED", "1")
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "chaos", "--sends", sends, "--seed", seed]
    command += ["--seconds", "540", "--people", "20", "--conversations", "30", "--fault-pause", "12"]
    print("On the embedded store:", flush=True)
    result = subprocess.run(command, check=False).returncode
    if result or not (uri := os.environ.get("TEST_MONGO_URI")):
        return result
    base, _, options = uri.partition("?")
    command += ["--store-uri", f"{base.rstrip('/')}/chatapp_chaos_{uuid.uuid4().hex[:8]}?{options}"]
    if control := os.environ.get("TEST_MONGO_CONTROL"):
        command += ["--database-control", control]
    print("On MongoDB:", flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

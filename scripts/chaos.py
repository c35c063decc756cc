"""`make chaos`: the delivery lab's long schedule on each store, one after the other.

CHAOS_SENDS (100,000), CHAOS_SECONDS (540, or 3,600 with several processes) and CHAOS_SEED (1) change it. WORKERS and
MACHINES (1) are for several processes, which need a MongoDB: TEST_MONGO_URI. TEST_MONGO_CONTROL names a program that
takes `kill` and `start`.
"""

import os
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Return the exit code of the first store where a promise was broken, or 0."""
    os.chdir(ROOT)
    sends, seed = os.environ.get("CHAOS_SENDS", "100000"), os.environ.get("CHAOS_SEED", "1")
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "chaos", "--sends", sends, "--seed", seed]
    command += ["--people", "20", "--conversations", "30", "--fault-pause", "12"]
    workers, machines = os.environ.get("WORKERS") or "1", os.environ.get("MACHINES") or "1"
    is_several = (workers, machines) != ("1", "1")
    command += ["--seconds", os.environ.get("CHAOS_SECONDS", "3600" if is_several else "540")]
    command += ["--workers", workers, "--machines", machines]
    uri = os.environ.get("TEST_MONGO_URI")
    if is_several and not uri:
        print("Several processes need a MongoDB: let TEST_MONGO_URI name one.", file=sys.stderr)
        return 2
    if not is_several:
        print("On the embedded store:", flush=True)
        result = subprocess.run(command, check=False).returncode
        if result or not uri:
            return result
    assert uri
    base, _, options = uri.partition("?")
    command += ["--store-uri", f"{base.rstrip('/')}/chatapp_chaos_{uuid.uuid4().hex[:8]}?{options}"]
    if control := os.environ.get("TEST_MONGO_CONTROL"):
        command += ["--database-control", control]
    print(f"On MongoDB, {workers} worker(s) on {machines} machine(s):", flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

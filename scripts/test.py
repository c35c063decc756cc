"""What `make test` does: the suite on the embedded store and, when TEST_MONGO_URI names a server, on MongoDB too.

The two halves run side by side, one process each, because the machine has two cores.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest"]


def main() -> int:
    """The exit code of the half that failed, or 0. Arguments go to pytest."""
    os.chdir(ROOT)
    arguments = sys.argv[1:]
    if not os.environ.get("TEST_MONGO_URI"):
        return subprocess.run([*PYTEST, *arguments], check=False).returncode
    without = {name: value for name, value in os.environ.items() if name != "TEST_MONGO_URI"}
    with tempfile.TemporaryFile() as output:
        options = ["--only-mongo", "-p", "no:cacheprovider", *arguments]
        mongo = subprocess.Popen([*PYTEST, *options], stdout=output, stderr=subprocess.STDOUT)
        try:
            embedded = subprocess.run([*PYTEST, *arguments], env=without, check=False).returncode
            on_mongo = mongo.wait()
        finally:
            mongo.kill()
            mongo.wait()
        print("\nThe same on MongoDB:", flush=True)
        output.seek(0)
        sys.stdout.buffer.write(output.read())
    return embedded or on_mongo


if __name__ == "__main__":
    sys.exit(main())

"""docs/architecture.md: its picture is what the code says."""

import subprocess
import sys

from tests.server import ROOT


def test_the_picture_is_drawn_from_the_code():
    command = [sys.executable, "scripts/architecture.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

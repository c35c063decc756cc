"""`make run` once the requirements are there: check, migrate, put in demo data, serve."""

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config import Config, ConfigError, load  # noqa: E402


def main() -> None:
    """Check what can go wrong in one sentence each, then become gunicorn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reload", action="store_true", help="restart when the code changes")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    try:
        config = load()
    except ConfigError as error:
        sys.exit(str(error))
    check_folder(config)
    check_port(config)
    flask("migrate")
    if not config.is_production:
        flask("seed", "--if-empty")
    command = [str(Path(sys.executable).with_name("gunicorn")), "wsgi:app"]
    os.execv(command[0], command + (["--reload"] if arguments.reload else []))  # noqa: S606


def check_folder(config: Config) -> None:
    """Check that the folder for the embedded store is writable."""
    if config.MONGO_URI:
        return
    try:
        config.instance_path.mkdir(parents=True, exist_ok=True)
        probe = config.instance_path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        sys.exit(
            f"The folder {config.instance_path} can't be written ({error.strerror}): "
            "make it writable, or set INSTANCE_DIR to another."
        )


def check_port(config: Config) -> None:
    """Check that the port is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.HOST, config.PORT))
        except OSError as error:
            sys.exit(
                f"Port {config.PORT} on {config.HOST} can't be used ({error.strerror}): "
                f"stop what runs there, or choose another: PORT={config.PORT + 100} make run"
            )


def flask(*arguments: str) -> None:
    """Run one of the operator's commands; it says itself what is wrong."""
    result = subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", *arguments], check=False)
    if result.returncode:
        sys.exit(result.returncode)


if __name__ == "__main__":
    main()

"""The files for containers name what is there, pin what they build on, and hold no secret."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from chatapp.lab.forks import ROOT
from config import load

DEPLOY = ROOT / "deploy"
SECRETS = ("JWT_SECRET", "METRICS_TOKEN", "MONGO_PASSWORD", "REDIS_PASSWORD")
VERSION = re.compile(r"\d+\.\d+\.\d+")


def instructions(name: str) -> list[list[str]]:
    """Return the Dockerfile's instructions of this name, by words."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split()[1:] for line in text.splitlines() if line.startswith(name + " ")]


def test_base_images_are_pinned():
    assert all(VERSION.search(words[0].partition(":")[2]) for words in instructions("FROM"))
    minor = (ROOT / ".python-version").read_text().strip()
    assert [words[0] for words in instructions("FROM")][1].startswith(f"python:{minor}.")


def test_what_is_copied_is_there_and_let_in():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [word for words in instructions("COPY") if not words[0].startswith("--from") for word in words[:-1]]
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == allowed or source.startswith(allowed + "/") for allowed in let_in), source
    assert all((ROOT / allowed).exists() for allowed in let_in)


def test_nothing_of_the_machine_gets_into_the_image():
    rows = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rows[0] == "*"
    assert not {"!.", "!instance", "!.env", "!.git", "!deploy"} & set(rows)


def test_the_image_runs_as_nobody_in_particular():
    ((user,),) = instructions("USER")
    assert user.isdigit() and int(user) >= 1000


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def test_compose_pins_what_it_runs(compose):
    assert set(compose) == {"chatapp-1", "chatapp-2", "proxy", "redis", "mongodb"}
    images = {name: service["image"] for name, service in compose.items()}
    assert all(VERSION.search(image) for name, image in images.items() if not name.startswith("chatapp"))
    assert {images["chatapp-1"], images["chatapp-2"]} == {"chatapp:local"}


def test_both_servers_of_compose_have_the_same_files(compose):
    image = " ".join(word for words in instructions("RUN") for word in words)
    assert "install -d -o chatapp -m 0700 instance instance/media" in image
    for name in ("chatapp-1", "chatapp-2"):
        assert compose[name]["volumes"] == ["media:/app/instance/media"]


def test_compose_holds_no_secret(compose):
    text = (DEPLOY / "compose.yaml").read_text()
    for name in SECRETS:
        assert f"${{{name}:?run deploy/make_env}}" in text
    values = [value for service in compose.values() for value in service.get("environment", {}).values()]
    assert not [value for value in values if re.search(r"[0-9a-f]{16}", value)]


def test_compose_sets_what_production_asks_for(compose, tmp_path, monkeypatch):
    """The settings of its chatapp are such that the server starts, with the secrets that make_env makes."""
    made = secrets_of(tmp_path)
    for name, value in compose["chatapp-1"]["environment"].items():
        filled = re.sub(r"\$\{(\w+)(?::[?-]([^}]*))?\}", lambda row: made.get(row[1], row[2]), value)
        monkeypatch.setenv(name, filled)
    monkeypatch.setenv("APP_ENV", "production")
    found = load()
    assert (found.TRUSTED_PROXIES, found.WEB_CONCURRENCY) == (1, 2)
    assert found.REDIS_URL.endswith("@redis:6379/0")


def secrets_of(folder: Path) -> dict[str, str]:
    """Return the secrets that make_env writes in this folder."""
    script = folder / "make_env"
    shutil.copy(DEPLOY / "make_env", script)
    subprocess.run([script], check=True, capture_output=True)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_secrets_are_made_once_and_for_nobody_else(tmp_path):
    made = secrets_of(tmp_path)
    assert set(made) == set(SECRETS)
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in made.values())
    assert len(set(made.values())) == len(SECRETS)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert secrets_of(tmp_path) == made


def test_the_proxy_reaches_the_services_of_compose(compose):
    servers = set(re.findall(r"server (\S+):3000", (DEPLOY / "nginx.conf").read_text()))
    assert servers == {name for name in compose if name.startswith("chatapp")}


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_nginx_takes_its_configuration(tmp_path):
    text = (DEPLOY / "nginx.conf").read_text()
    (tmp_path / "nginx.conf").write_text(re.sub(r"chatapp-\d:3000", "127.0.0.1:3000", text))
    said = subprocess.run(["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert "test is successful" in said.stderr, said.stderr

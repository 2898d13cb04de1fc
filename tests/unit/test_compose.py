"""docker-compose.yml is valid, keeps secrets in files, and says when each service is healthy."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_it_is_valid_against_the_schema_of_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_has_a_health_check_and_waits_for_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "synapse", "curbside"}
    for service in services.values():
        assert service["healthcheck"]["test"]
        for needed in service.get("depends_on", {}).values():
            assert needed["condition"] == "service_healthy"


def test_secrets_are_files_and_none_is_written_here(compose: dict[str, Any]) -> None:
    used = {name for service in compose["services"].values() for name in service.get("secrets", ())}
    assert used == set(compose["secrets"])
    assert all(secret["file"].startswith("./deploy/made/") for secret in compose["secrets"].values())
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("/run/secrets/")


def test_nothing_listens_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.skipif(os.geteuid() != 0, reason="deploy/prepare.sh hands files to other users: needs root")
def test_the_secrets_are_made_once_each_for_its_reader(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "prepare.sh", tmp_path / "deploy")
    script = ["sh", str(tmp_path / "deploy" / "prepare.sh"), "hospital.example", "St. Example"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "deploy" / "made"
    owners = {"postgres_password": 999, "registration_secret": 991, "database_password": 10001}
    for name, owner in owners.items():
        found = (made / "secrets" / name).stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (owner, 0o600)
    password = (made / "secrets" / "postgres_password").read_text()
    assert len(password) == 64
    assert (made / "secrets" / "database_password").read_text() == password
    settings = yaml.safe_load((made / "synapse" / "homeserver.yaml").read_text())
    assert settings["server_name"] == "hospital.example"
    assert settings["database"]["args"]["password"] == password
    kind, _, seed = (made / "synapse" / "signing.key").read_text().split()
    assert (kind, len(seed)) == ("ed25519", 43)
    again = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert again.returncode == 1
    assert "overwrites nothing" in again.stderr
    assert (made / "secrets" / "postgres_password").read_text() == password
    wrong = subprocess.run([*script[:2], "https://hospital"], capture_output=True, text=True, timeout=120)
    assert wrong.returncode == 2


def test_the_image_does_not_run_as_root_and_says_when_it_is_alive() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)

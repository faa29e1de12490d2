"""Nets over the whole project: what every command, document and lock file must keep to."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[1]
OWN_APPS = ("frontier", "core", "metering", "invoicing", "database")
COMMANDS = sorted(name for name, app in get_commands().items() if app in OWN_APPS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme_and_explains_itself(name: str) -> None:
    assert f"`{name}`" in (ROOT / "README.md").read_text()
    assert load_command_class(get_commands()[name], name).help


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_hold_a_hash_for_everything_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
    assert pinned
    assert all(line.endswith("\\") for line in pinned)


def test_the_locks_cover_what_the_project_declares() -> None:
    declared = (ROOT / "pyproject.toml").read_text()
    names = re.findall(r'^    "([A-Za-z0-9-]+)', declared, re.MULTILINE)
    locked = (ROOT / "requirements-dev.lock").read_text()
    wanted = [name for name in names if re.search(rf'"{name}(\[\w+\])?[~>]=', declared)]
    assert "django" in wanted
    assert [name for name in wanted if f"\n{name.lower()}==" not in f"\n{locked}"] == []


def settings_error(**environment: str) -> str:
    """What a command says when it starts under this environment."""
    run = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    return run.stderr


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"FRONTIER_ENV": "production"}, "FRONTIER_SECRET_KEY"),
        ({"FRONTIER_ENV": "production", "FRONTIER_SECRET_KEY": "x" * 60}, "FRONTIER_ALLOWED_HOSTS"),
        (
            {"FRONTIER_ENV": "production", "FRONTIER_SECRET_KEY": "x" * 60, "FRONTIER_ALLOWED_HOSTS": "a.example"},
            "DATABASE_URL",
        ),
        ({"FRONTIER_ENV": "staging"}, "FRONTIER_ENV"),
        ({"DATABASE_URL": "mysql://user@host/name"}, "DATABASE_URL"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(environment: dict[str, str], named: str) -> None:
    assert named in settings_error(**environment)

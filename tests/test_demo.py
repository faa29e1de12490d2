"""`make demo`: the walk on the fixtures, its numbers, and what it says the second time."""

import stat
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings

pytestmark = pytest.mark.django_db


def demo() -> str:
    out = StringIO()
    call_command("demo", stdout=out)
    return out.getvalue()


def test_the_walk_ends_with_the_numbers_of_december_and_changes_nothing_again(tmp_path: Path) -> None:
    with override_settings(EMBEDDED_ROOT=tmp_path):
        first, second = demo(), demo()

    for number in (
        "2,976 readings",
        "93.50 %",
        "USD 74,846.36",
        "USD 17,484.64",
        "6,337,210.313",
        "USD 226,171.13",
        "USD 222,405.28",
        "USD -3,765.85",
        "USD 17,484.64",
    ):
        assert number in first
    assert "Nothing was changed" not in first

    assert "Nothing was changed" in second
    assert first.splitlines()[-1] == second.splitlines()[-1], "the login stays"
    kept = tmp_path / "demo-login"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert get_user_model().objects.get(username="admin").check_password(kept.read_text())

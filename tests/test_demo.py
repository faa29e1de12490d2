"""`make demo`: the walk on the fixtures, its numbers, and what it says the second time."""

import stat
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from invoicing.documents import factur_x, ubl
from invoicing.documents.sheet import sheet_of
from invoicing.documents.sources import document_of
from invoicing.issuing import verify_and_issue
from invoicing.models import InvoiceHeader

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
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # the fixtures made them immediate
    december = InvoiceHeader.objects.get(billing_period__start_date=date(2025, 12, 1), corrects=None)
    verify_and_issue(december.pk, by="Ana", on=date(2026, 1, 6))
    made = document_of(december.pk)
    assert (made.total_without_vat, made.vat_total, made.payable) == (
        Decimal("226171.13"),
        Decimal(0),
        Decimal("226171.13"),
    )
    assert ubl.write(made).startswith(b"<?xml")
    assert factur_x.write(sheet_of(december.pk), made).startswith(b"%PDF")
    damages = sheet_of(december.pk).items[1]
    assert [step.title for step in damages.explanation] == [
        "Classify time",
        "Apply exclusions",
        "Set the guarantee",
        "Bound what is unknown",
        "Decide",
        "Shortfall",
        "Rate",
        "Cap per period",
        "Round once",
        "Excused intervals",
        "Evidence",
        "Credit",
    ]

    kept = tmp_path / "demo-login"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert get_user_model().objects.get(username="admin").check_password(kept.read_text())

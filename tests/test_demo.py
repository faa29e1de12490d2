"""`make demo`: the walk on the fixtures, its numbers, and what it says the second time."""

import stat
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings

from invoicing.documents import factur_x, ubl
from invoicing.documents.sheet import sheet_of
from invoicing.documents.sources import document_of
from invoicing.models import InvoiceHeader, MonthClose

pytestmark = pytest.mark.django_db


def demo(folder: Path) -> str:
    out = StringIO()
    call_command("demo", folder=folder, stdout=out)
    return out.getvalue()


def test_the_walk_issues_the_invoice_of_december_and_changes_nothing_again(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "demo"
    with override_settings(EMBEDDED_ROOT=tmp_path):
        first = demo(folder)
        written = {path.name: path.read_bytes() for path in folder.iterdir()}
        second = demo(folder)

    for said in (
        "2,976 readings",
        " lacks part of its readings on 2 of 31 days, the first 2025-12-05",
        "93.50 %",
        "USD 74,846.36",
        "USD 17,484.64",
        "6,337,210.313",
        "USD 226,171.13",
        "USD 222,405.28",
        "USD -3,765.85",
        "USD 47,515.36",
        "as admin accepted",
        "the invoice received is overbilled by USD 17,484.64",
        "INV-2026-00001: issued, USD 226,171.13, due on 2026-02-05",
        f"Printed      {folder / 'INV-2026-00001.pdf'}",
    ):
        assert said in first
    assert first.count("Parked ") == 1, "until its gap is accepted by name"
    assert "Nothing was changed: all of this was there already." not in first

    assert "Nothing was changed: all of this was there already." in second
    assert "Parked" not in second
    assert "INV-2026-00001: unchanged" in second
    assert first.splitlines()[-1] == second.splitlines()[-1], "the login stays"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == written

    closed = MonthClose.objects.order_by("contract").values_list("contract__name", "status", "accepted_by")
    assert [*closed] == [
        ("Sonora Solar Park PPA", "closed", "admin"),
        ("Sonora Solar Park O&M Agreement", "closed", None),
    ]
    december = InvoiceHeader.objects.get(billing_period__start_date=date(2025, 12, 1), corrects=None)
    made = document_of(december.pk)
    assert (made.total_without_vat, made.vat_total, made.payable) == (
        Decimal("226171.13"),
        Decimal(0),
        Decimal("226171.13"),
    )
    assert ubl.write(made).startswith(b"<?xml")
    assert written == {"INV-2026-00001.pdf": factur_x.write(sheet_of(december.pk), made)}
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

"""The page about the schema: what the commands say, for superusers alone."""

from http import HTTPStatus

import pytest
from django.db import connection
from django.test import Client

from core.models import User
from database import validations
from database.history import read_history

pytestmark = pytest.mark.django_db


def page(client: Client, **flags: bool) -> str:
    client.force_login(User.objects.create(username="someone", is_staff=True, **flags))
    return client.get("/admin/schema/").content.decode()


def test_the_page_names_every_file_every_month_and_the_cure(client: Client) -> None:
    said = page(client, is_superuser=True)
    for file in read_history():
        assert file.name in said
    assert f"{len(read_history())} APPLIED" in said
    assert "meter_reading_20" in said
    assert "manage.py run_query test_queries" in said


def test_the_last_validation_run_is_shown(client: Client) -> None:
    assert validations.may_record(connection)
    finding = {"code": "money_adds_up", "object": "invoice 7", "detail": "short by <1>", "fix": "draft it again"}
    validations.record(connection, {"summary": "3 checks, 1 finding", "findings": []})
    validations.record(connection, {"summary": "4 checks, 1 finding", "findings": [finding]})
    said = page(client, is_superuser=True)
    assert "4 checks, 1 finding" in said
    assert "short by &lt;1&gt;" in said
    assert "3 checks" not in said


def test_too_few_months_ahead_are_named_with_the_cure(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'meter_reading'::regclass")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")
    assert "Too few months ahead" in page(client, is_superuser=True)


def test_who_is_no_superuser_neither_sees_the_page_nor_its_link(client: Client) -> None:
    client.force_login(User.objects.create(username="someone", is_staff=True))
    assert client.get("/admin/schema/").status_code == HTTPStatus.FORBIDDEN
    assert "/admin/schema/" not in client.get("/admin/").content.decode()

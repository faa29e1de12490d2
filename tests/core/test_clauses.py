"""Payloads that are stored: what the database, the admin and the commands refuse, and that they agree."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings

from core.models import Clause
from core.payloads import MISSING, PAYLOADS
from database.management import Exit
from tests.core.test_payloads import SMALLEST, Payload, cases, problems
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    EventTypeFactory,
    UserFactory,
    as_stored_before,
)

pytestmark = pytest.mark.django_db

GUARANTEE = SMALLEST["AVAILABILITY"]


def clause(category: str = "AVAILABILITY", payload: object = None, name: str = "4.2") -> Clause:
    return ClauseFactory.create(
        name=name, clause_category=ClauseCategoryFactory.create(code=category), normalized_payload=payload
    )


def refused_by_database(category: str, payload: object) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, problem FROM clause_payload_problems(%s, %s::jsonb)", [category, json.dumps(payload)]
        )
        return dict(cursor.fetchall())


# --- the database


def test_the_database_knows_the_keys_of_the_models() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT category, key, is_required FROM clause_payload_keys()")
        stored = cursor.fetchall()
    assert len(stored) == len(set(stored))
    assert set(stored) == {
        (category, key, field.is_required())
        for category, model in PAYLOADS.items()
        for key, field in model.model_fields.items()
    }


@pytest.mark.parametrize(
    "category, payload, said",
    [
        ("AVAILABILITY", {"threshold": 95, "threshold_unit": "percent"}, f"clause 4.2: measurement_period: {MISSING}"),
        ("AVAILABILITY", GUARANTEE | {"threshold": None}, f"clause 4.2: threshold: {MISSING}"),
        ("AVAILABILITY", GUARANTEE | {"treshold": None}, "clause 4.2: treshold: is not a key of AVAILABILITY"),
        ("GENERAL", {"threshold": 95}, "clause 4.2: threshold: is not a key of GENERAL"),
        (
            "DEFAULT",
            {"event": []},
            f"clause 4.2: cure_period_days: {MISSING}; events: {MISSING}; event: is not a key of DEFAULT",
        ),
        ("GENERAL", [], "clause 4.2: normalized_payload: must hold keys and values"),
        ("GENERAL", "text", "clause 4.2: normalized_payload: must hold keys and values"),
    ],
)
def test_the_database_refuses_a_payload_by_clause_key_and_reason(category: str, payload: object, said: str) -> None:
    kept = clause(category)
    for write in (
        lambda: clause(category, payload),
        lambda: Clause.objects.filter(pk=kept.pk).update(normalized_payload=payload),
    ):
        with pytest.raises(IntegrityError, match="HINT:  The keys of") as refused, transaction.atomic():
            write()
        assert str(refused.value).startswith(f"{said}\n")


@pytest.mark.parametrize("category", PAYLOADS)
def test_a_clause_may_wait_for_its_payload_or_have_the_smallest(category: str) -> None:
    kept = clause(category)
    kept.normalized_payload = SMALLEST[category]
    kept.save()
    kept.normalized_payload = None
    kept.save()
    assert refused_by_database(category, SMALLEST[category]) == {}


def test_a_category_decides_when_it_is_given() -> None:
    kept = ClauseFactory.create(name="4.2", clause_category=None, normalized_payload={"anything": 1})
    with pytest.raises(IntegrityError, match=r"clause 4\.2: anything: is not a key of GENERAL"), transaction.atomic():
        Clause.objects.update(clause_category=ClauseCategoryFactory.create(code="GENERAL"))
    # The vocabulary does not know this one.
    Clause.objects.update(clause_category=ClauseCategoryFactory.create(code="WEATHER"))
    kept.refresh_from_db()
    assert kept.normalized_payload == {"anything": 1}


def test_a_clause_from_before_the_rule_may_be_changed_elsewhere() -> None:
    with as_stored_before():
        kept = clause(payload={"threshold": 95})
    kept.summary = "Availability"
    kept.save()
    assert Clause.objects.get().summary == "Availability"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases())
def test_the_database_and_the_models_refuse_the_same_keys(case: tuple[str, Payload]) -> None:
    """What the models take the database takes; what it takes lacks nothing and holds nothing unknown to them.

    The values are well formed, so that what is left to the models is what keys say of each other.
    """
    category, payload = case
    refused = refused_by_database(category, payload)
    by_models = problems(category, payload)
    of_keys = {
        key: problem.partition(":")[0]
        for key, problem in by_models.items()
        if key not in PAYLOADS[category].model_fields or (problem == MISSING and payload.get(key) is None)
    }
    strangers = {key for key in payload if key not in PAYLOADS[category].model_fields}
    required = {key for key, field in PAYLOADS[category].model_fields.items() if field.is_required()}
    assert refused.keys() == strangers | {key for key in required if payload.get(key) is None}
    assert refused.items() <= of_keys.items()
    if not by_models:
        assert refused == {}


# --- the admin


@pytest.fixture
def office(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def typed(office: Client, row: Clause, payload: object, **changes: object) -> list[str]:
    """The errors below the payload after the form was sent with this in it."""
    address = reverse("admin:core_clause_change", args=[row.pk])
    form = office.get(address).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    sent = {name: "" if value is None else value for name, value in shown.items()}
    answer = office.post(address, sent | {"normalized_payload": json.dumps(payload)} | changes)
    return [] if answer.status_code == 302 else answer.context["adminform"].form.errors["normalized_payload"]


def test_the_form_says_of_every_key_what_is_wrong(office: Client) -> None:
    row = clause(payload=GUARANTEE)
    assert set(typed(office, row, {"threshold": 0.95, "threshold_unit": "hours", "colour": 1})) == {
        f"measurement_period: {MISSING}",
        "threshold_unit: must be percent or days, not 'hours'",
        "colour: is not a key of AVAILABILITY",
    }
    assert typed(office, row, GUARANTEE | {"threshold": 0.95}) == [
        "threshold: must be above 1 and at most 100 percent, not 0.95"
    ]
    row.refresh_from_db()
    assert row.normalized_payload == GUARANTEE
    assert typed(office, row, GUARANTEE | {"threshold": 97}) == []
    row.refresh_from_db()
    assert row.normalized_payload == GUARANTEE | {"threshold": 97}


def test_another_category_on_the_form_asks_for_its_keys(office: Client) -> None:
    row = clause(payload=GUARANTEE)
    general = ClauseCategoryFactory.create(code="GENERAL")
    assert set(typed(office, row, GUARANTEE, clause_category=general.pk)) == {
        f"{key}: is not a key of GENERAL" for key in GUARANTEE
    }


def test_a_refused_payload_does_not_stand_in_the_way_of_another_field(office: Client) -> None:
    with as_stored_before():
        row = clause(payload={"threshold": 95})
    assert typed(office, row, {"threshold": 95}, summary="Availability") == []
    row.refresh_from_db()
    assert row.summary == "Availability"


# --- the commands


def run(*command: object) -> str:
    out = StringIO()
    call_command(*map(str, command), stdout=out)
    return out.getvalue()


def test_the_clauses_that_cannot_be_read_are_listed_with_every_reason() -> None:
    clause(payload=GUARANTEE)
    clause(payload=None)
    assert run("check_clauses") == "Every payload can be read.\n"
    with as_stored_before():
        bad = clause(payload={"threshold": 95, "threshold_unit": "hours"}, name="Old")
    out = StringIO()
    with pytest.raises(CommandError, match=r"1 refused, see above\.") as caught:
        call_command("check_clauses", "--json", stdout=out)
    assert caught.value.returncode == Exit.NEEDS_A_PERSON
    (refused,) = json.loads(out.getvalue())
    assert (refused["clause"], refused["name"]) == (bad.pk, "Old")
    assert sorted(refused["problems"]) == [
        ["measurement_period", MISSING],
        ["threshold_unit", "must be percent or days, not 'hours'"],
    ]
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_clauses", "--contract", str(bad.contract_id), stdout=out)
    assert out.getvalue().startswith(f"{bad.contract}, clause Old: ")
    assert run("check_clauses", "--contract", clause().contract_id) == "Every payload can be read.\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "payloads.json"


def test_payloads_are_imported_under_our_names(file: Path) -> None:
    EventTypeFactory.create(code="GRID_OUTAGE")
    row, other = clause(), clause("GENERAL", {"governing_law": "England"})
    raw = {"threshold_percent": 97, "evaluation_period": "annual", "excused_events": ["Grid outage"]}
    file.write_text(json.dumps({row.pk: raw, other.pk: {"governing_law": "England"}}))
    assert run("import_clauses", file) == (
        f"clause {row.pk}: threshold_percent is now threshold; threshold_unit is percent, as threshold_percent says;"
        " evaluation_period is now measurement_period; excused_events ['Grid outage'] is now ['GRID_OUTAGE']\n"
        f"clause {other.pk}: as it was named\n"
    )
    row.refresh_from_db()
    assert row.normalized_payload == {
        "threshold": 97,
        "threshold_unit": "percent",
        "measurement_period": "annual",
        "excused_events": ["GRID_OUTAGE"],
    }


def test_all_payloads_of_a_file_are_written_or_none(file: Path) -> None:
    row, other, loose = clause(), clause("GENERAL", name="20"), ClauseFactory.create(name="21")
    file.write_text(json.dumps({row.pk: GUARANTEE, other.pk: {"law": "England"}, loose.pk: {}, 0: {}}))
    with pytest.raises(CommandError) as caught:
        run("import_clauses", file)
    assert caught.value.returncode == Exit.NEEDS_A_PERSON
    assert str(caught.value).splitlines() == [
        "Nothing was written.",
        "clause 20: law: is not a key of GENERAL",
        "clause 21: clause_category: is missing: it decides the keys of the payload",
        "there is no clause 0",
    ]
    row.refresh_from_db()
    assert row.normalized_payload is None


@pytest.mark.parametrize("content", ["", "[]", '{"first": {}}', None])
def test_a_file_without_payloads_is_refused(file: Path, content: str | None) -> None:
    if content is not None:
        file.write_text(content)
    with pytest.raises(CommandError, match="holds no payloads") as caught:
        run("import_clauses", file)
    assert caught.value.returncode == Exit.WRONG_USAGE

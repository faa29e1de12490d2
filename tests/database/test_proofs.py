"""Files, migrations and models say the same of the schema."""

import re
from collections.abc import Iterator

import pgtrigger
import pytest
from django.apps import apps
from django.db import models
from pytest_django import DjangoDbBlocker

from core.models import User
from database.catalog import Catalog, Key, compare, read_catalog, read_partitions, without_chosen_names
from database.fields import EnumField
from database.history import read_history
from database.operations import PROJECT_APPS
from database.scratch import (
    COMPATIBILITY,
    Database,
    apply_with_migrate,
    django_connection,
    run_psql,
    scratch_database,
)
from tests.database.conftest import run

SUPABASE_USERS = "the table of users is Supabase's; Django has no model of it"
DELETE_RULE = "Django follows this rule itself and leaves none in the database"
POLICY = "Django knows no row security"
STAMP = "keeps updated_at for clients other than Django; no model relies on it"
PARTITIONED = "partitioned by month; Django's save and delete find a row by its id, which the sequence keeps unique"
REFERENCES = "keeps for each statement what a foreign key would keep row by row; Django's keys of readings name none"
RANGES = "ranges: Django would write their index otherwise than PostgreSQL reads it, or could not check them in Python"
GUARD = "guards in the database what a proof was made of; Django only reads its answer"
VIEW = "Django makes no views; people and programs read it by SQL"
PAYLOADS = "asks a function of the schema for the keys of a category; the models of payloads are held to it by a test"
CALLS_FUNCTION = "calls a function of the schema, which Django could not check in Python"

# What the files make and the models do not, each with its reason.
ONLY_IN_FILES: dict[Key, str] = {
    ("check", "default_event.chk_default_event_evidence"): CALLS_FUNCTION,
    ("check", "project.project_time_zone_check"): CALLS_FUNCTION,
    ("exclusion", "tax_rule.ex_tax_rule_one_rate"): RANGES,
    ("exclusion", "tax_rule.ex_tax_rule_one_vat"): RANGES,
    ("foreign key", "contract_pii_mapping (accessed_by)"): SUPABASE_USERS,
    ("foreign key", "contract_pii_mapping (created_by)"): SUPABASE_USERS,
    ("foreign key", "integration_credential (created_by)"): SUPABASE_USERS,
    ("foreign key", "integration_credential (updated_by)"): SUPABASE_USERS,
    ("policy", "contract_pii_mapping.contract_pii_mapping_insert_policy"): POLICY,
    ("policy", "contract_pii_mapping.contract_pii_mapping_select_policy"): POLICY,
    ("policy", "contract_pii_mapping.contract_pii_mapping_update_policy"): POLICY,
    ("policy", "reading_archive.reading_archive_service_policy"): POLICY,
    **{
        ("policy", f"{table}.{table}_{group}_policy"): POLICY
        for table in (
            *("cure_step", "damages_ledger"),
            *("comparison_tolerance", "file_mapping", "ingestion_log", "integration_credential", "integration_site"),
            *("reading_archive_file", "reading_change", "rejected_reading"),
            *("invoice_series", "invoice_status_change", "invoice_tax", "tax_rule"),
            *("invoice_notice", "month_close", "notification_mail"),
        )
        for group in ("org", "service")
    },
    **{
        ("policy", f"{table}.{table}_{group}_policy"): POLICY
        for table in ("exchange_rate", "holiday", "holiday_calendar", "price_index", "price_index_value")
        for group in ("read", "service")
    },
    ("exclusion", "clause_tariff.clause_tariff_one_energy_price"): RANGES,
    ("exclusion", "clause_tariff.clause_tariff_one_fee"): RANGES,
    ("trigger", "clause_tariff.clause_tariff_proven"): GUARD,
    ("primary key", "meter_reading (id, reading_timestamp)"): PARTITIONED,
    ("trigger", "clause.clause_insert_payload"): PAYLOADS,
    ("trigger", "clause.clause_update_payload"): PAYLOADS,
    ("trigger", "file_mapping.file_mapping_updated"): STAMP,
    ("trigger", "integration_credential.integration_credential_updated"): STAMP,
    ("trigger", "integration_site.integration_site_updated"): STAMP,
    ("trigger", "meter_aggregate.meter_aggregate_insert_references"): REFERENCES,
    ("trigger", "meter_aggregate.meter_aggregate_update_references"): REFERENCES,
    ("trigger", "meter.meter_with_readings_keeps_its_project"): REFERENCES,
    ("trigger", "meter.meter_with_readings_stays"): REFERENCES,
    ("trigger", "meter.meters_with_readings_are_not_truncated"): REFERENCES,
    ("trigger", "meter_reading.meter_reading_insert_references"): REFERENCES,
    ("trigger", "meter_reading.meter_reading_update_references"): REFERENCES,
    ("trigger", "project.project_with_readings_keeps_its_organization"): REFERENCES,
    **{
        key: VIEW
        for view in (
            "organization_energy",
            "project_energy",
            "provisional_issued_invoice",
            "stale_invoice_draft",
            "stale_issued_invoice",
            "stale_verdict",
        )
        for key in (("view", view), ("comment", f"view {view}"))
    },
}
ONLY_IN_MODELS: dict[Key, str] = {
    ("primary key", "meter_reading (id)"): PARTITIONED,
}

# What both make, but not alike: as the files have it, as the models have it, and why.
DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
UNLIKE: dict[Key, tuple[str, str, str]] = {
    ("check", "clause.clause_confidence_score_check"): (
        "CHECK (((confidence_score >= 0.0) AND (confidence_score <= 1.0)))",
        "CHECK (((confidence_score >= (0)::numeric) AND (confidence_score <= (1)::numeric)))",
        "the same bounds, written as the inventory writes them",
    ),
    ("column", "meter_reading.id"): (
        "bigint NOT NULL DEFAULT nextval('public.meter_reading_id_seq'::regclass)",
        "bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY",
        "a partitioned table has no identity column before PostgreSQL 17",
    ),
    ("index", "integration_credential.idx_integration_credential_active"): (
        "CREATE INDEX ON public.integration_credential USING btree (is_active) WHERE (is_active = true)",
        "CREATE INDEX ON public.integration_credential USING btree (is_active) WHERE is_active",
        "the same rows, written as the inventory writes them",
    ),
    ("index", "integration_site.idx_integration_site_active"): (
        "CREATE INDEX ON public.integration_site USING btree (is_active, sync_enabled)"
        " WHERE ((is_active = true) AND (sync_enabled = true))",
        "CREATE INDEX ON public.integration_site USING btree (is_active, sync_enabled)"
        " WHERE (is_active AND sync_enabled)",
        "the same rows, written as the inventory writes them",
    ),
    **{
        ("row security", table): ("ENABLED", "DISABLED", POLICY)
        for table in (
            *("cure_step", "damages_ledger"),
            *("comparison_tolerance", "contract_pii_mapping", "file_mapping", "ingestion_log"),
            *("integration_credential", "integration_site"),
            *("reading_archive", "reading_archive_file", "reading_change", "rejected_reading"),
            *("exchange_rate", "holiday", "holiday_calendar", "price_index", "price_index_value"),
            *("invoice_series", "invoice_status_change", "invoice_tax", "tax_rule"),
            *("invoice_notice", "month_close", "notification_mail"),
        )
    },
    ("table", "meter_reading"): ("TABLE PARTITION BY RANGE (reading_timestamp)", "TABLE", PARTITIONED),
    **{
        ("foreign key", f"{table} ({column})"): (
            f"FOREIGN KEY ({column}) REFERENCES public.{target}(id) ON DELETE {rule} {DEFERRED}",
            f"FOREIGN KEY ({column}) REFERENCES public.{target}(id) {DEFERRED}",
            DELETE_RULE,
        )
        for table, column, target, rule in (
            ("contract_pii_mapping", "contract_id", "contract", "CASCADE"),
            ("file_mapping", "organization_id", "organization", "CASCADE"),
            ("integration_credential", "organization_id", "organization", "CASCADE"),
            ("integration_site", "integration_credential_id", "integration_credential", "CASCADE"),
            ("integration_site", "meter_id", "meter", "SET NULL"),
            ("integration_site", "organization_id", "organization", "CASCADE"),
            ("integration_site", "project_id", "project", "SET NULL"),
            ("rejected_reading", "ingestion_log_id", "ingestion_log", "CASCADE"),
            ("rejected_reading", "organization_id", "organization", "CASCADE"),
        )
    },
}


def project_models() -> list[type[models.Model]]:
    """Every model whose table the schema files write."""
    found = [model for app in PROJECT_APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]
    logins = {User, User.groups.through, User.user_permissions.through}
    return [model for model in found if model not in logins]


def given_beforehand(catalog: Catalog) -> Iterator[str]:
    """Statements that make what no model can declare: enums, functions and the comments on functions."""
    yield from (f"CREATE TYPE {name} AS ENUM ({labels})" for (kind, name), labels in catalog.items() if kind == "enum")
    yield "SET check_function_bodies = off"
    yield from (definition for (kind, _), definition in catalog.items() if kind == "function")
    yield from (
        f"COMMENT ON {name} IS $comment${text}$comment$"
        for (kind, name), text in catalog.items()
        if kind == "comment" and name.startswith("function ")
    )


def with_plain_trigger_functions(catalog: Catalog) -> Catalog:
    """The catalog with the functions of triggers free of indentation, and of what pgtrigger writes around a body."""

    def plain(definition: str) -> str:
        spaced = re.sub(r"\s+", " ", definition)
        spaced = spaced.replace(
            "IF (\"public\"._pgtrigger_should_ignore(TG_NAME) IS TRUE) THEN IF (TG_OP = 'DELETE') THEN",
            "IF public._pgtrigger_should_ignore(TG_NAME) IS TRUE THEN IF TG_OP = 'DELETE' THEN",
        )
        return spaced.replace("$function$ ", "$function$").replace(" $function$", "$function$")

    return {
        (kind, name): plain(definition) if kind == "function" and "pgtrigger" in name else definition
        for (kind, name), definition in catalog.items()
    }


@pytest.fixture(scope="module")
def models_catalog(server: Database, files_catalog: Catalog, django_db_blocker: DjangoDbBlocker) -> Iterator[Catalog]:
    """The catalog of a database that Django's own schema editor made of the models."""
    with scratch_database(server) as database:
        run_psql(database, COMPATIBILITY)
        with database.connect() as session:
            for statement in given_beforehand(files_catalog):
                session.execute(statement.encode())
        with django_db_blocker.unblock(), django_connection(database, search_path="public") as connection:
            with connection.schema_editor() as editor:
                for model in project_models():
                    editor.create_model(model)
            for guarded, trigger in pgtrigger.registered():
                trigger.install(guarded, database=database.name)
        with database.connect() as session:
            yield read_catalog(session)


def test_the_models_make_the_schema_that_the_files_make(files_catalog: Catalog, models_catalog: Catalog) -> None:
    differences = compare(
        *(with_plain_trigger_functions(without_chosen_names(side)) for side in (files_catalog, models_catalog))
    )
    unexplained = []
    stale = ONLY_IN_FILES.keys() | ONLY_IN_MODELS.keys() | UNLIKE.keys()
    for difference in differences:
        key = (difference.kind, difference.identity)
        if difference.found is None:
            explained = key in ONLY_IN_FILES
        elif difference.expected is None:
            explained = key in ONLY_IN_MODELS
        else:
            explained = UNLIKE.get(key, ())[:2] == (difference.expected, difference.found)
        stale -= {key}
        if not explained:
            unexplained.append(str(difference))
    assert unexplained == []
    assert stale == set(), "these exceptions are none any more"


def test_migrate_makes_the_schema_that_psql_makes(
    files_catalog: Catalog, from_files: Database, migrated: Database
) -> None:
    with from_files.connect() as by_psql, migrated.connect() as by_migrate:
        assert [str(difference) for difference in compare(files_catalog, read_catalog(by_migrate))] == []
        assert read_partitions(by_psql) == read_partitions(by_migrate)


def test_no_model_is_ahead_of_its_migrations(migrated: Database) -> None:
    done = run(migrated, "makemigrations", "--check", "--dry-run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No changes detected\n", "")


def test_a_file_that_runs_twice_in_a_row_changes_nothing_the_second_time(
    empty: Database, files_catalog: Catalog
) -> None:
    run_psql(empty, COMPATIBILITY)
    with empty.connect() as session:
        for file in read_history():
            run_psql(empty, file.path)
            once, partitions = read_catalog(session), read_partitions(session)
            run_psql(empty, file.path)
            changed = compare(once, read_catalog(session))
            assert (file.name, [str(difference) for difference in changed]) == (file.name, [])
            assert read_partitions(session) == partitions
        assert compare(files_catalog, read_catalog(session)) == []


def test_migrating_again_changes_nothing(
    migrated_copy: Database, files_catalog: Catalog, django_db_blocker: DjangoDbBlocker
) -> None:
    with migrated_copy.connect() as session:
        rows = "SELECT count(*) FROM django.django_migrations"
        before = session.execute(rows).fetchone()
        with django_db_blocker.unblock():
            apply_with_migrate(migrated_copy)
        assert session.execute(rows).fetchone() == before
        assert compare(files_catalog, read_catalog(session)) == []


def test_every_trigger_of_a_model_is_installed(migrated: Database, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), django_connection(migrated):
        status = {
            f"{model._meta.label}:{trigger.name}": trigger.get_installation_status(model, database=migrated.name)
            for model, trigger in pgtrigger.registered()
        }
    assert status
    assert set(status.values()) == {("INSTALLED", True)}, status


def test_choices_of_enum_fields_are_the_labels_of_their_enums(files_catalog: Catalog) -> None:
    fields = [field for model in project_models() for field in model._meta.fields if isinstance(field, EnumField)]
    assert fields
    for field in fields:
        labels = ", ".join(f"'{value}'" for value, _ in field.flatchoices)
        assert (str(field), labels) == (str(field), files_catalog["enum", field.enum])


def test_every_enum_has_a_field(files_catalog: Catalog) -> None:
    used = {f.enum for model in project_models() for f in model._meta.fields if isinstance(f, EnumField)}
    assert used == {name for kind, name in files_catalog if kind == "enum"}


def test_choices_of_other_fields_are_what_a_check_allows(files_catalog: Catalog) -> None:
    fields = [
        field
        for model in project_models()
        for field in model._meta.fields
        if field.choices and not isinstance(field, EnumField)
    ]
    assert fields
    for field in fields:
        table = field.model._meta.db_table
        allowed = [
            set(re.findall(r"'([^']*)'::character varying", definition))
            for (kind, name), definition in files_catalog.items()
            if kind == "check" and name.startswith(f"{table}.") and f"({field.column})::text = ANY" in definition
        ]
        assert (str(field), allowed) == (str(field), [{value for value, _ in field.flatchoices}])


def test_every_list_of_values_in_a_check_is_the_choices_of_a_field(files_catalog: Catalog) -> None:
    with_choices = {
        (field.model._meta.db_table, field.column)
        for model in project_models()
        for field in model._meta.fields
        if field.choices
    }
    for (kind, name), definition in files_catalog.items():
        if kind == "check" and (listed := re.search(r"\((\w+)\)::text = ANY", definition)):
            assert (name.partition(".")[0], listed[1]) in with_choices


def test_a_model_can_be_written_and_read_through_every_column(
    migrated: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), django_connection(migrated):
        for model in project_models():
            assert list(model._default_manager.using(migrated.name).all()[:1]) == []

"""The schema holds everything that the inventory of the guide's schema names, but for what later files changed."""

import csv
import re
from pathlib import Path

import psycopg
import pytest

from database.catalog import Catalog, normalise

# Types that hold the same values; a column may be of another type of its family.
FAMILIES = {
    "varchar": "character varying",
    "timestamptz": "timestamp with time zone",
    "integer": "integer",
    "bigint": "bigint",
    "numeric": "numeric",
    "text": "text",
    "text[]": "text[]",
    "boolean": "boolean",
    "bytea": "bytea",
    "date": "date",
    "jsonb": "jsonb",
    "uuid": "uuid",
}

# A list with NULL in it refuses nothing; without it the check does, and null passes any check.
LIST_WITHOUT_NULL = "IN (..., NULL) never refuses; null passes without being listed"
NULL_PASSES = "null passes any check, so that the inventory's IS NULL OR says nothing"
OTHER_CHECKS = {
    "contract_parsing_status_check": LIST_WITHOUT_NULL,
    "clause_confidence_score_check": NULL_PASSES,
    "chk_integration_site_sync_status": NULL_PASSES,
    "chk_ingestion_log_format": NULL_PASSES + "; later formats are added",
    "chk_meter_aggregate_period_type": "billing periods are aggregated too",
}


# What files after the inventory's added to it or took from it, each with its reason.
LATER_TABLES = {
    "comparison_tolerance": "how far a received invoice may differ is agreed, or set by the organization",
    "cure_step": "each step from notice to the end of a default is recorded",
    "damages_ledger": "a verdict computed anew first takes back what it took from a cap",
    "exchange_rate": "amounts in other currencies are converted by the rate of a date",
    "holiday": "prices of holidays need to know which days they are",
    "holiday_calendar": "prices of holidays need to know which days they are",
    "price_index": "indexed prices follow what others publish",
    "price_index_value": "an index is revised, and each publication stays",
    "file_mapping": "how the files of a source are read is saved once",
    "invoice_notice": "of each invoice people are told once",
    "invoice_series": "numbers of issued documents have no gap",
    "invoice_status_change": "who verified, issued, disputed or settled an invoice is known",
    "invoice_tax": "taxes of an issued invoice stay as they were computed",
    "month_close": "a month is closed, or parked for a reason",
    "notification_mail": "each notice is mailed once",
    "reading_archive": "months of readings leave the database with proof",
    "reading_archive_file": "an archive has a file for each organization",
    "reading_change": "what rests on changed readings is computed anew, and nothing else",
    "tax_rule": "a tax has a rate for a time",
    "rejected_reading": "good rows may be loaded while each bad one is kept",
}
LATER_LABELS = {"updated_frequency": {"5min", "30min"}}  # the intervals of utilities
LATER_POLICIES = {
    ("comparison_tolerance", "comparison_tolerance_org_policy", "SELECT"),
    ("comparison_tolerance", "comparison_tolerance_service_policy", "ALL"),
    ("cure_step", "cure_step_org_policy", "SELECT"),
    ("cure_step", "cure_step_service_policy", "ALL"),
    ("damages_ledger", "damages_ledger_org_policy", "SELECT"),
    ("damages_ledger", "damages_ledger_service_policy", "ALL"),
    *(
        (table, f"{table}_{group}_policy", command)
        for table in ("exchange_rate", "holiday", "holiday_calendar", "price_index", "price_index_value")
        for group, command in (("read", "SELECT"), ("service", "ALL"))
    ),
    ("file_mapping", "file_mapping_org_policy", "ALL"),
    ("file_mapping", "file_mapping_service_policy", "ALL"),
    *(
        (table, f"{table}_{group}_policy", command)
        for table in (
            *("invoice_series", "invoice_status_change", "invoice_tax", "tax_rule"),
            *("invoice_notice", "month_close", "notification_mail"),
        )
        for group, command in (("org", "SELECT"), ("service", "ALL"))
    ),
    ("reading_archive", "reading_archive_service_policy", "ALL"),
    ("reading_archive_file", "reading_archive_file_org_policy", "SELECT"),
    ("reading_archive_file", "reading_archive_file_service_policy", "ALL"),
    ("reading_change", "reading_change_org_policy", "SELECT"),
    ("reading_change", "reading_change_service_policy", "ALL"),
    ("rejected_reading", "rejected_reading_org_policy", "SELECT"),
    ("rejected_reading", "rejected_reading_service_policy", "ALL"),
}
BY_STATEMENT = "checked for a whole statement by a trigger: row by row it made loading several times slower"
GONE_CONSTRAINTS = {
    "meter_aggregate_meter_id_fkey": BY_STATEMENT,
    "meter_aggregate_organization_id_fkey": BY_STATEMENT,
    "meter_reading_meter_id_fkey": BY_STATEMENT,
    "meter_reading_organization_id_fkey": BY_STATEMENT,
    "meter_reading_project_id_fkey": BY_STATEMENT,
}
SLOWED_LOADING = "readings are found by meter and time, or by time in the summary; each index more slowed loading"
SLOWED_AGGREGATING = "an hour is found by its meter, anything longer by its period"
OTHER_INDEXES = {"idx_meter_aggregate_period": "hours, which are nearly all, are found by their meter"}
GONE_INDEXES = {
    "idx_meter_reading_external_site": SLOWED_LOADING,
    "idx_meter_reading_meter": SLOWED_LOADING,
    "idx_meter_reading_org": SLOWED_LOADING,
    "idx_meter_reading_org_project_ts": SLOWED_LOADING,
    "idx_meter_reading_project": SLOWED_LOADING,
    "idx_meter_reading_source": SLOWED_LOADING,
    "idx_meter_reading_timestamp": SLOWED_LOADING,
    "idx_meter_aggregate_org": SLOWED_AGGREGATING,
    "idx_meter_aggregate_type": SLOWED_AGGREGATING,
}


@pytest.fixture(scope="session")
def inventory(shared_data: Path) -> Path:
    """The folder of the inventory, which lies beside the real meter files."""
    return shared_data.parent / "schema"


def rows(inventory: Path, name: str) -> list[dict[str, str]]:
    with (inventory / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_table_is_there_and_no_other(inventory: Path, files_catalog: Catalog) -> None:
    named = {row["table_name"] for row in rows(inventory, "columns")}
    assert len(named) == 57
    assert {name for kind, name in files_catalog if kind == "table"} == named | LATER_TABLES.keys()
    assert not named & LATER_TABLES.keys()


def test_every_column_is_there_with_a_type_of_its_family(inventory: Path, files_catalog: Catalog) -> None:
    enums = {name for kind, name in files_catalog if kind == "enum"}
    wrong = []
    for row in rows(inventory, "columns"):
        column = f"{row['table_name']}.{row['column_name']}"
        family, _, size = row["type"].partition("(")
        expected = f"public.{family}" if family in enums else FAMILIES[family]
        found = files_catalog.get(("column", column), "nothing")
        sized = re.match(re.escape(expected) + r"(?:\((?P<size>[\d,]+)\))?(?= |$)", found)
        if sized is None or (size and sized["size"] != size.rstrip(")")):
            wrong.append(f"{column} is {found}, the inventory says {row['type']}")
    assert wrong == []


def test_every_column_is_at_least_as_strict_about_null(inventory: Path, files_catalog: Catalog) -> None:
    loose = [
        f"{row['table_name']}.{row['column_name']}"
        for row in rows(inventory, "columns")
        if row["nullable"] == "NO"
        and " NOT NULL" not in files_catalog["column", f"{row['table_name']}.{row['column_name']}"]
    ]
    assert loose == []


def test_every_column_with_a_default_still_has_one(inventory: Path, files_catalog: Catalog) -> None:
    without = [
        f"{row['table_name']}.{row['column_name']}"
        for row in rows(inventory, "columns")
        if row["default"]
        and not re.search(
            r" DEFAULT | AS IDENTITY", files_catalog["column", f"{row['table_name']}.{row['column_name']}"]
        )
    ]
    assert without == []


def test_every_enum_is_there_with_its_labels_in_order(inventory: Path, files_catalog: Catalog) -> None:
    named = {row["enum"]: row["labels"].split("|") for row in rows(inventory, "enums")}
    assert len(named) == 7
    found = {name: re.findall(r"'([^']*)'", text) for (kind, name), text in files_catalog.items() if kind == "enum"}
    assert {enum: [label for label in labels if label in named[enum]] for enum, labels in found.items()} == named
    added = {enum: set(labels) - set(named[enum]) for enum, labels in found.items()}
    assert {enum: labels for enum, labels in added.items() if labels} == LATER_LABELS


def test_every_function_is_there_with_its_arguments_and_result(inventory: Path, session: psycopg.Connection) -> None:
    found = {
        row[0]: row[1:]
        for row in session.execute(
            "SELECT proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid)"
            " FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
    }
    named = {row["function"]: (row["args"], row["result"]) for row in rows(inventory, "functions")}
    assert {name: found.get(name) for name in named} == named


def test_every_policy_is_there(inventory: Path, session: psycopg.Connection) -> None:
    found = set(session.execute("SELECT tablename::text, policyname::text, cmd FROM pg_policies").fetchall())
    named = {(row["tablename"], row["policyname"], row["cmd"]) for row in rows(inventory, "policies")}
    assert found == named | LATER_POLICIES
    assert not named & LATER_POLICIES


def test_every_constraint_is_there_under_its_name(inventory: Path, files_catalog: Catalog) -> None:
    kinds = {"c": "check", "f": "foreign key", "u": "unique"}
    wrong, other, gone = [], set(), set()
    for row in rows(inventory, "constraints"):
        found = files_catalog.get((kinds[row["kind"]], f"{row['table_name']}.{row['name']}"), "nothing")
        found = found.replace("public.", "").replace(" DEFERRABLE INITIALLY DEFERRED", "")
        if found != normalise("check", row["definition"]):
            if row["name"] in GONE_CONSTRAINTS and found == "nothing":
                gone.add(row["name"])
            elif row["name"] in OTHER_CHECKS and found.startswith("CHECK "):
                other.add(row["name"])
            else:
                wrong.append(f"{row['name']} is {found}, the inventory says {row['definition']}")
    assert wrong == []
    assert other == OTHER_CHECKS.keys()
    assert gone == GONE_CONSTRAINTS.keys()


def test_every_index_is_there_under_its_name(inventory: Path, session: psycopg.Connection) -> None:
    found: dict[str, str] = dict(
        session.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'").fetchall()
    )
    named = {row["indexname"]: row["indexdef"] for row in rows(inventory, "indexes")}
    assert GONE_INDEXES.keys() == named.keys() - found.keys()
    assert OTHER_INDEXES.keys() == {name for name in named.keys() & found.keys() if found[name] != named[name]}


def test_every_foreign_key_has_an_index_that_begins_with_it(session: psycopg.Connection) -> None:
    bare = session.execute(
        """
        SELECT conrelid::regclass::text, conname
        FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT relispartition AND NOT EXISTS (
            SELECT FROM pg_index
            WHERE indrelid = conrelid AND (indpred IS NULL OR pg_get_expr(indpred, indrelid) = (
                    SELECT format('(%I IS NOT NULL)', attname) FROM pg_attribute
                    WHERE attrelid = conrelid AND attnum = conkey[1]))
                AND (indkey::smallint[])[0 : cardinality(conkey) - 1] = conkey)
        """
    ).fetchall()
    assert bare == []


def test_every_code_of_a_lookup_is_unique(files_catalog: Catalog) -> None:
    with_code = {name.partition(".")[0] for kind, name in files_catalog if kind == "column" and name.endswith(".code")}
    assert len(with_code) == 19
    for table in with_code:
        assert files_catalog["unique", f"{table}.{table}_code_key"] == "UNIQUE (code)"
        assert " NOT NULL" in files_catalog["column", f"{table}.code"]


def test_every_table_says_whether_it_is_fact_derived_or_lookup(files_catalog: Catalog) -> None:
    for kind, name in files_catalog:
        if kind == "table":
            comment = files_catalog["comment", f"table {name}"]
            assert re.match(r"(Fact|Derived|Lookup)( [^:]+)?: .+\.$", comment), name


def test_every_function_says_what_it_does_and_where_it_looks(files_catalog: Catalog) -> None:
    """Those that read tables fix their search_path, so that no caller can slip another table in."""
    for (kind, name), definition in files_catalog.items():
        if kind != "function" or "RETURNS trigger" in definition or name.startswith("_pgtrigger"):
            continue
        assert ("comment", f"function {name}") in files_catalog, name
        reads_tables = re.search(r"\b(FROM|UPDATE|INTO)\s+(?!pg_catalog\b)[a-z_]+", definition.partition("AS $")[2])
        if reads_tables:
            assert "SET search_path TO 'pg_catalog', 'public'" in definition, name


def test_every_quantity_has_the_agreed_number_of_digits(files_catalog: Catalog) -> None:
    agreed = {
        "numeric(24,9)": r"\.(energy_wh|power_w|\w*register_wh)$",
        "numeric(24,12)": r"\.(energy_kwh|quantity)$",
        "numeric(20,4)": r"\.(\w*total_amount|variance_amount|ld_amount|invoice_adjustment)$",
        "numeric(20,10)": r"\.(line_unit_price|unit_value|base_rate)$",
        "numeric(12,6)": r"\.(irradiance_wm2|temperature_c)$",
    }
    for (kind, name), definition in files_catalog.items():
        for wanted, pattern in agreed.items():
            if kind == "column" and re.search(pattern, name):
                assert (name, definition.split(" ")[0]) == (name, wanted)


def test_no_quantity_is_a_binary_fraction(files_catalog: Catalog) -> None:
    floats = [
        name for (kind, name), text in files_catalog.items() if kind == "column" and re.match("real|double", text)
    ]
    assert floats == []

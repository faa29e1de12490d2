"""The files of the history: their numbers, their order, and the statements that may not stand in them."""

import hashlib
from pathlib import Path

import pytest

from database.errors import HistoryError
from database.history import BASELINE, NO_TRANSACTION, SchemaFile, find_file, read_history
from database.tokens import blank, statements


def history_of(folder: Path, *names: str) -> Path:
    """A database folder with a baseline and empty files of these names."""
    (folder / "versions").mkdir()
    (folder / "versions" / BASELINE).write_text("SELECT 1;")
    (folder / "migrations").mkdir()
    for name in names:
        (folder / "migrations" / name).write_text("SELECT 1;")
    return folder


def problems(tmp_path: Path, sql: str) -> list[str]:
    file = tmp_path / "017_try.sql"
    file.write_text(sql)
    return list(SchemaFile(17, file).problems())


def test_the_history_is_the_baseline_and_then_the_files_by_number(tmp_path: Path) -> None:
    files = read_history(history_of(tmp_path, "002_b.sql", "001_z.sql"))
    assert [(file.number, file.name) for file in files] == [(0, BASELINE), (1, "001_z.sql"), (2, "002_b.sql")]


@pytest.mark.parametrize(
    "names, complaint",
    [
        (["001_a.sql", "003_c.sql"], "003_c.sql stands where number 002 belongs"),
        (["002_b.sql"], "002_b.sql stands where number 001 belongs"),
        (["001_a.sql", "001_b.sql"], "001_b.sql stands where number 002 belongs"),
        (["001_a.sql", "2_b.sql"], "2_b.sql is not named like"),
        (["001-a.sql"], "001-a.sql is not named like"),
        (["001_A.sql"], "001_A.sql is not named like"),
    ],
)
def test_a_gap_a_double_or_a_wrong_name_is_refused(names: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=complaint):
        read_history(history_of(tmp_path, *names))


def test_a_history_without_baseline_is_refused(tmp_path: Path) -> None:
    (history_of(tmp_path) / "versions" / BASELINE).unlink()
    with pytest.raises(HistoryError, match="is missing: the history begins with it"):
        read_history(tmp_path)


def test_a_file_is_found_by_its_name() -> None:
    assert find_file("006_meter_reading_v2.sql").number == 6
    with pytest.raises(HistoryError, match=r"999_none\.sql is not among the files"):
        find_file("999_none.sql")


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "001_a.sql"
    file.write_bytes(b"SELECT 1;\r\n")
    assert SchemaFile(1, file).sha256 == hashlib.sha256(b"SELECT 1;\r\n").hexdigest()


@pytest.mark.parametrize(
    "statement, quoted",
    [
        ("BEGIN", "BEGIN"),
        ("begin transaction", "begin"),
        ("START  TRANSACTION", "START TRANSACTION"),
        ("COMMIT", "COMMIT"),
        ("END", "END"),
        ("ROLLBACK", "ROLLBACK"),
        ("ABORT", "ABORT"),
        ("SAVEPOINT here", "SAVEPOINT"),
        ("RELEASE here", "RELEASE"),
        ("PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION"),
        ("VACUUM ANALYZE meter", "VACUUM"),
        ("COPY meter (id) FROM STDIN WITH CSV", "COPY"),
        ("SET search_path = public", "SET"),
        ("SET SESSION timezone = 'UTC'", "SET"),
        ("RESET search_path", "RESET"),
        ("DISCARD ALL", "DISCARD"),
        ("SELECT pg_catalog.set_config('search_path', '', false)", "set_config"),
        ("CREATE INDEX CONCURRENTLY x ON meter (id)", "CONCURRENTLY"),
        ("DROP INDEX\nCONCURRENTLY x", "CONCURRENTLY"),
        ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM"),
        ("CREATE  DATABASE x", "CREATE DATABASE"),
        (r"\connect other", r"\connect"),
        (r"SELECT 1 \gexec", r"\gexec"),
    ],
)
def test_a_statement_that_leaves_the_transaction_is_refused(statement: str, quoted: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"-- Adds nothing.\n\nSELECT 1;\n  {statement};\nSELECT 2;\n")
    line = 5 if statement.startswith("DROP INDEX\n") else 4
    assert problem.startswith(f"017_try.sql, line {line}: {quoted} may not be used: ")


@pytest.mark.parametrize(
    "sql",
    [
        "-- BEGIN; COMMIT;\nSELECT 1;",
        "/* VACUUM;\n COMMIT; */ SELECT 1;",
        "SELECT 'a; COMMIT; b';",
        "SELECT 'it''s; COMMIT; so';",
        r"SELECT E'a\'; COMMIT; b';",
        'SELECT 1 AS "x; COMMIT; y";',
        "DO $$ BEGIN PERFORM 1; COMMIT; END $$;",
        "DO $body$ BEGIN EXECUTE $q$SET x = 1; COMMIT;$q$; END $body$;",
        "DO $a1$ BEGIN NULL; COMMIT; END $a1$;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql SET search_path = public AS $$ BEGIN COMMIT; END $$;",
        r"COMMENT ON TABLE x IS 'a \ b';",
        "SET LOCAL lock_timeout = '2s';",
        "SET   LOCAL lock_timeout = '2s';",
        "set\nlocal lock_timeout = '2s';",
        "SET CONSTRAINTS ALL IMMEDIATE;",
        "SELECT set_config('frontier.x', 'false', true);",
        "UPDATE meter SET unit = 'kWh';",
        "ALTER TABLE meter ALTER model SET NOT NULL;",
        "CREATE TABLE ending (begin_at timestamptz, end_at timestamptz, concurrently_seen boolean);",
        "COPY meter TO STDOUT;",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;",
    ],
)
def test_the_same_words_elsewhere_are_not(sql: str, tmp_path: Path) -> None:
    assert problems(tmp_path, sql) == []


def test_every_problem_of_a_file_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, "BEGIN;\nVACUUM;\n\\echo hello\n")
    assert [problem.split(":")[0] for problem in found] == [
        "017_try.sql, line 1",
        "017_try.sql, line 2",
        "017_try.sql, line 3",
    ]


STEPS = [
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON event (id)",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON event (id)",
    "DROP INDEX CONCURRENTLY IF EXISTS i",
    "REINDEX INDEX CONCURRENTLY i",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
    "ALTER TABLE meter_reading DETACH PARTITION old CONCURRENTLY",
    "ALTER TABLE meter_reading DETACH PARTITION old FINALIZE",
    "ALTER TABLE event VALIDATE CONSTRAINT c",
    "ALTER TYPE status ADD VALUE IF NOT EXISTS 'paused'",
    "VACUUM (ANALYZE) event",
    "ANALYZE event",
    "COMMENT ON INDEX i IS 'x'",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_file_without_a_transaction_holds_single_steps(step: str, tmp_path: Path) -> None:
    assert problems(tmp_path, f"{NO_TRANSACTION}\n-- Why.\n{step};\n") == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX IF NOT EXISTS i ON event (id)",
        "CREATE INDEX CONCURRENTLY i ON event (id)",
        "ALTER TABLE event ADD COLUMN IF NOT EXISTS a text",
        "ALTER TABLE event VALIDATE CONSTRAINT c, ADD COLUMN IF NOT EXISTS a text",
        "UPDATE event SET id = id",
        "DO 'BEGIN END'",
        "SET LOCAL lock_timeout = '2s'",
    ],
)
def test_a_file_without_a_transaction_holds_nothing_else(statement: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{NO_TRANSACTION}\n-- Why.\nANALYZE event;\n{statement};\n")
    assert problem.startswith(f"017_try.sql, line 4: {' '.join(blank(statement).split()[:3])} may not be used: a")


def test_a_file_without_a_transaction_may_not_begin_one_either(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{NO_TRANSACTION}\nBEGIN;\n")
    assert problem == "017_try.sql, line 2: BEGIN may not be used: the runner owns the transaction"


@pytest.mark.parametrize(
    "sql, transactional",
    [
        ("-- Why.\nSELECT 1;", True),
        (f"{NO_TRANSACTION}\nANALYZE;", False),
        (f"-- Why.\n{NO_TRANSACTION}  \r\n\nANALYZE;", False),
        (f"\ufeff{NO_TRANSACTION.upper()}\nANALYZE;", False),
        (f"ANALYZE;\n{NO_TRANSACTION}\n", True),
        (f"/* {NO_TRANSACTION} */ SELECT 1;", True),
        (f"{NO_TRANSACTION}s\nSELECT 1;", True),
    ],
)
def test_the_head_of_a_file_says_whether_it_runs_in_a_transaction(
    sql: str, transactional: bool, tmp_path: Path
) -> None:
    file = tmp_path / "017_try.sql"
    file.write_bytes(sql.encode())
    assert SchemaFile(17, file).transactional is transactional


def test_a_file_knows_what_it_says_whatever_it_looks_like(tmp_path: Path) -> None:
    one, other = tmp_path / "017_one.sql", tmp_path / "017_other.sql"
    one.write_bytes(b"SELECT 1;\n")
    other.write_bytes(b"\xef\xbb\xbf-- One.\r\nselect 1 ;")
    assert SchemaFile(17, one).fingerprint == SchemaFile(17, other).fingerprint
    assert SchemaFile(17, one).sha256 != SchemaFile(17, other).sha256
    assert SchemaFile(17, other).sql.startswith("--")


def test_the_history_has_no_problem() -> None:
    assert [problem for file in read_history() for problem in file.problems()] == []


def test_statements_come_with_the_line_on_which_they_begin() -> None:
    sql = "-- head\n\nSELECT 1;\n\n/* two\nlines */ CREATE TABLE a (\n  b text);\n;\nSELECT '\n';"
    assert [(s.line, s.text.split("(")[0].split()) for s in statements(sql)] == [
        (3, ["SELECT", "1"]),
        (6, ["CREATE", "TABLE", "a"]),
        (9, ["SELECT"]),
    ]


def test_blanking_keeps_every_line_where_it_was() -> None:
    sql = "SELECT 'a\nb', $$c\n\nd$$; -- e\nSELECT 2;"
    assert [len(line) for line in blank(sql).splitlines()] == [len(line) for line in sql.splitlines()]
    assert blank(sql).split() == ["SELECT", ",", ";", "SELECT", "2;"]


def test_every_file_says_in_its_first_line_what_it_is_for() -> None:
    for file in read_history():
        first = file.sql.splitlines()[0]
        assert first.startswith("-- "), file.name
        assert len(first) > 30, file.name


def test_foreign_keys_are_deferrable_in_every_file() -> None:
    """Rows that refer to each other are written in any order, which Django counts on."""
    for file in read_history():
        for statement in statements(file.sql):
            words = " ".join(statement.text.split())
            if words.startswith("CREATE CONSTRAINT TRIGGER"):
                continue
            assert words.count(" REFERENCES ") == words.count(" DEFERRABLE INITIALLY DEFERRED"), file.name

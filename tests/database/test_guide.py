"""The guide is true: its command lines run in their order, its troubles occur and are cured, its indexes are whole."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from django.core.management import get_commands
from django.db import connection
from psycopg import sql

from database import history, seeds
from database.catalog import read_catalog
from database.history import read_history
from database.management import Exit
from database.scratch import Database, client_program, run_psql, scratch_database
from tests.database.conftest import PROJECT, run

GUIDE = history.ROOT / "DATABASE_GUIDE.md"
BLOCK = re.compile(r"(?P<comment><!-- not run: [^>]+ -->\n)?```sh\n(?P<lines>.*?)```", re.DOTALL)
ENDS = re.compile(r"^(?P<command>.+?)  # ends with (?P<code>\d+)$", re.MULTILINE)
# One long test: as a group of several the module is begun early, and the rest of the suite runs beside it.
pytestmark = pytest.mark.xdist_group("guide")
JOB_FLAGS = re.MULTILINE | re.DOTALL
# Commands that the guide describes and the project does not have.
MISSING: frozenset[str] = frozenset()
# What a person does in the editor, by file: the test's `vi` does it in their place.
EDITED = {
    "metering/models/meters.py": r"s/^    unit = models.CharField(null=True, blank=True)$/&\n"
    r"    colour = models.CharField(null=True, blank=True)/",
    "database/migrations/030_add_meter_colour.sql": "1s/.*/-- Keeps the colour of a meter, by which fitters find it./",
    ".env.local": "s/^FRONTIER_ENV=.*/FRONTIER_ENV=development/",
}


@dataclass(frozen=True)
class Machine:
    """A clone with a remote, a database and a shell in which the guide's lines run."""

    clone: Path
    database: Database
    environment: Mapping[str, str] = field(repr=False)

    def run(self, lines: str) -> str:
        """What the lines print; each must end with 0, or with the code that it names."""
        script = ENDS.sub(r"if \g<command>; then false; else test $? -eq \g<code>; fi", lines)
        # The guide calls the database by the name that a clone's has.
        for name in ("frontier_restored", "frontier"):
            script = re.sub(
                rf"(--yes-i-mean|--into) {name}\b",
                rf"\1 {name.replace('frontier', self.database.name)}",
                script,
            )
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.clone,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{lines}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    programs, clone, remote = tmp_path / "bin", tmp_path / "clone", tmp_path / "remote.git"
    shutil.copytree(
        PROJECT,
        clone,
        ignore=shutil.ignore_patterns(
            *(".git", ".venv", ".frontier", ".env.local", "backups", "var", "__pycache__", ".*_cache", "docs")
        ),
    )
    programs.mkdir()
    # Scripts, because a link would look for its libraries beside itself.
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "psql").write_text(f'#!/bin/sh\nexec "{client_program("psql")}" "$@"\n')
    cases = "".join(f"*{path}) sed -i '{edit}' \"$1\";;\n" for path, edit in EDITED.items())
    (programs / "vi").write_text(f'#!/bin/sh\ntest -f "$1" || exit 1\ncase "$1" in\n{cases}*) exit 1;;\nesac\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    names = [f"GIT_{role}_{part}" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")]
    with scratch_database(Database.of(connection)) as database:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GIT", "SUPABASE"))},
            **dict.fromkeys(names, "guide@example.com"),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "DATABASE_URL": database.url,
            "FRONTIER_ENV": "development",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "HOME": str(tmp_path),
        }
        machine = Machine(clone, database, environment)
        machine.run(
            "git init -q -b main && git add . && git commit -q -m start\n"
            f"git clone -q --bare . {remote} && git remote add origin {remote}\n"
            "git fetch -q && git branch -q --set-upstream-to origin/main"
        )
        try:
            yield machine
        finally:
            restored = sql.Identifier(f"{database.name}_restored")
            with database.sibling("postgres").connect() as session:
                session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(restored))


def blocks(*, run: bool) -> list[str]:
    """The guide's shell blocks, those that are run or those that say why they are not."""
    return [found["lines"] for found in BLOCK.finditer(GUIDE.read_text()) if bool(found["comment"]) is not run]


@pytest.mark.any_server
def test_every_command_line_of_the_guide_runs_in_its_order(machine: Machine) -> None:
    for lines in blocks(run=True):
        machine.run(lines)
    assert machine.run("git status --short --untracked-files=no") == ""
    assert machine.run("git log origin/main --format=%s").splitlines() == [
        "database: Take the snapshot v3.5.",
        "metering: Keep the colour of a meter.",
        "start",
    ]


def test_few_lines_are_not_run() -> None:
    assert sum(len(lines.splitlines()) for lines in blocks(run=False)) <= 7


def test_every_command_of_the_database_is_run_by_the_guide() -> None:
    ours = {name for name, app in get_commands().items() if app == "database"}
    shown = set(re.findall(r"manage\.py (\w+)", "".join(blocks(run=True) + blocks(run=False))))
    # `flush` is Django's, guarded here.
    assert ours - shown <= {"flush"} | MISSING
    assert not MISSING & ours, "a command that exists is run"
    assert shown - ours <= {"check", "makemigrations"} | MISSING


def test_paths_and_links_of_the_guide_lead_somewhere() -> None:
    for page in history.ROOT.rglob("*.md"):
        text = page.read_text()
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", GUIDE.read_text(), re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE.read_text())) <= anchors
    for path in re.findall(r"`(database/[\w./]+)`", GUIDE.read_text()):
        assert (PROJECT / path).exists(), path


def test_the_history_in_the_guide_names_every_version() -> None:
    versions = {path.name.partition("_")[0] for path in (history.ROOT / "versions").glob("v*.sql")}
    assert set(re.findall(r"^\| (v\d+\.\d+), ", GUIDE.read_text(), re.MULTILINE)) == versions


# --- the six troubles: the symptom, what is said, and the cure


def test_trouble_1_the_database_cannot_be_reached(server: Database) -> None:
    nowhere = Database(server.name, server.settings, {**server.libpq, "host": "127.0.0.1", "port": "1"})
    for command in ("schema_status", "migrate", "run_query"):
        done = run(nowhere, command, *(["test_queries"] if command == "run_query" else []))
        assert done.returncode == Exit.NOT_REACHABLE, done.stderr
        assert "The database cannot be reached: connection failed" in done.stderr
        assert "Check DATABASE_URL in the environment or .env.local, and that the server runs." in done.stderr
        assert server.libpq.get("password", "no password") not in done.stderr
    with pytest.raises(psycopg.OperationalError, match="connection"):
        nowhere.connect()
    assert run(server.sibling("postgres"), "schema_status").returncode == Exit.DONE


def test_trouble_2_a_relation_exists_already(server: Database, from_files: Database) -> None:
    with scratch_database(server, from_files.name) as database:
        with (
            database.connect() as session,
            pytest.raises(psycopg.errors.DuplicateTable, match='relation "contract_pii_mapping" already exists'),
        ):
            session.execute("CREATE TABLE contract_pii_mapping (id bigint)")
        done = run(database, "migrate")
        assert done.returncode == Exit.NEEDS_A_PERSON
        assert "This database has Frontier's tables but no ledger" in done.stderr
        last = f"{read_history()[-1].number:03d}"
        assert run(database, "migrate", "--baseline", last).returncode == Exit.DONE
        assert run(database, "schema_status", "--check").returncode == Exit.DONE
        # A file of the history itself may run again.
        run_psql(database, history.find_file("002_add_contract_pii_mapping.sql").path)


def test_trouble_3_test_data_cannot_be_loaded(migrated_copy: Database) -> None:
    fixtures = seeds.ROOT / "fixtures"
    with pytest.raises(Exception, match="violates not-null constraint"):
        run_psql(migrated_copy, fixtures / "02_test_project.sql")
    with pytest.raises(Exception, match=r"Load 02_test_project\.sql first"):
        run_psql(migrated_copy, fixtures / "03_default_event_scenario.sql")
    with (
        migrated_copy.connect() as session,
        pytest.raises(psycopg.errors.ForeignKeyViolation, match="violates foreign key constraint"),
    ):
        session.execute("INSERT INTO project (organization_id, name) VALUES (1, 'Park')")
    done = run(migrated_copy, "load_test_data", "02_test_project.sql")
    assert done.returncode == Exit.ERROR
    assert "02_test_project.sql, line " in done.stderr
    assert run(migrated_copy, "load_test_data").returncode == Exit.DONE
    with migrated_copy.connect() as session:
        assert session.execute("SELECT count(*) FROM organization").fetchone() == (2,)


def test_trouble_3_test_data_wait_for_the_schema(empty: Database) -> None:
    done = run(empty, "load_test_data")
    assert done.returncode == Exit.PENDING
    assert "Run `manage.py migrate` first" in done.stderr


def test_trouble_4_permission_denied(project_copy: Path) -> None:
    program = project_copy / "manage.py"
    assert os.access(PROJECT / "manage.py", os.X_OK)
    program.chmod(0o644)
    with pytest.raises(PermissionError):
        subprocess.run([str(program), "version"], check=False)
    cured = subprocess.run([sys.executable, str(program), "version"], capture_output=True, check=False)
    assert cured.returncode == 0
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert subprocess.run([str(program), "version"], env=environment, capture_output=True, check=False).returncode == 0


def test_trouble_5_pg_cron_is_refused(server: Database, from_files: Database) -> None:
    path = history.find_file("006_meter_reading_v2.sql").path
    with server.sibling("postgres").connect() as asked:
        (cron,) = asked.execute("SELECT current_setting('cron.database_name', true)").fetchone() or (None,)
    if cron is None:
        with scratch_database(server, from_files.name) as database:
            assert "pg_cron is not at hand: partitions are made by ingestion and by command" in run_psql(database, path)
        return
    # In the database that pg_cron serves, as a role that may use everything but pg_cron; undone.
    told: list[str] = []
    with server.sibling(cron).connect() as session, session.transaction(force_rollback=True):
        session.add_notice_handler(lambda notice: told.append(f"{notice.message_primary} {notice.message_hint}"))
        job = re.search(r"^DO \$\$ BEGIN\n    IF NOT EXISTS \(SELECT FROM pg_available.*", path.read_text(), JOB_FLAGS)
        assert job is not None
        session.execute("CREATE EXTENSION IF NOT EXISTS pg_cron")
        session.execute("CREATE ROLE frontier_without_cron")
        session.execute("SET LOCAL ROLE frontier_without_cron")
        session.execute(job[0].encode())
    (warning,) = [said for said in told if "pg_cron may not be used by frontier_without_cron" in said]
    assert "On Supabase enable it under Database, Extensions, then apply this file again." in warning


def test_trouble_6_a_partition_is_missing(migrated_copy: Database) -> None:
    assert run(migrated_copy, "load_test_data").returncode == Exit.DONE
    reading = (
        "INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp)"
        " SELECT organization_id, project.id, meter.id, 'manual', '2031-06-15 12:00Z'"
        " FROM meter JOIN project ON project.id = project_id"
    )
    with migrated_copy.connect() as session:
        with pytest.raises(
            psycopg.errors.CheckViolation, match='no partition of relation "meter_reading" found for row'
        ):
            session.execute(reading)
        made = session.execute("SELECT create_meter_reading_partition('2031-06-01')").fetchone()
        assert made == ("meter_reading_2031_06",)
        session.execute(reading)


def test_trouble_6_does_not_meet_who_loads_a_file(migrated_copy: Database, tmp_path: Path) -> None:
    assert run(migrated_copy, "load_test_data").returncode == Exit.DONE
    (tmp_path / "june.csv").write_text("time,energy\n2026-06-01T00:00Z,5\n2026-06-01T01:00Z,6\n")
    flags = ("--time-column", "time", "--energy-column", "energy", "--energy-unit", "kWh")
    done = run(
        migrated_copy,
        *("ingest_readings", str(tmp_path / "june.csv"), "--project", "Sonora Solar Park", *flags),
        *("--interval", "hourly", "--label", "start"),
    )
    assert done.returncode == Exit.DONE, done.stderr
    with migrated_copy.connect() as session:
        assert session.execute("SELECT to_regclass('meter_reading_2026_06') IS NOT NULL").fetchone() == (True,)


# --- the indexes


def test_the_index_of_functions_is_that_of_the_catalog(from_files: Database) -> None:
    with from_files.connect() as session:
        rows = session.execute(
            "SELECT proname, obj_description(oid, 'pg_proc') FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        ).fetchall()
    maker = {
        name: file.name
        for file in read_history()
        for name, _ in rows
        if re.search(rf"^CREATE OR REPLACE FUNCTION (?:public\.)?{name}\(", file.sql, re.MULTILINE)
    }
    page = (history.ROOT / "functions" / "README.md").read_text()
    listed = {
        name: (section.partition("\n")[0], about)
        for section in page.split("\n## ")[1:]
        for name, about in re.findall(r"^- `(\w+)`: (.+)$", section, re.MULTILINE)
    }
    assert {name: file for name, (file, _) in listed.items()} == maker
    assert len(maker) == len(rows)
    assert [name for name, comment in rows if comment and listed[name][1] != comment] == []
    assert {path.name for path in (history.ROOT / "functions").glob("*.sql")} == set(
        re.findall(r"^\| `(\w+\.sql)`", page, re.MULTILINE)
    )


def test_every_view_is_listed_with_its_comment_under_the_file_that_makes_it(from_files: Database) -> None:
    with from_files.connect() as session:
        catalog = read_catalog(session)
    views = [identity for kind, identity in catalog if "view" in kind]
    maker = {
        view: file.name for file in read_history() for view in views if f"CREATE OR REPLACE VIEW {view} " in file.sql
    }
    page = (history.ROOT / "views" / "README.md").read_text()
    listed = {
        name: (section.partition("\n")[0], about)
        for section in page.split("\n## ")[1:]
        for name, about in re.findall(r"^- `(\w+)`: (.+)$", section, re.MULTILINE)
    }
    assert listed == {view: (maker[view], catalog["comment", f"view {view}"]) for view in views}


@pytest.mark.parametrize("page", ["sql", "seed"])
def test_a_readme_lists_every_file_of_its_folder(page: str) -> None:
    folder = history.ROOT / page
    text = (folder / "README.md").read_text()
    assert [file.name for file in folder.rglob("*.sql") if f"`{file.relative_to(folder)}`" not in text] == []

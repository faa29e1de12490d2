"""Drafts of schema files from changed models, as people make them: in a copy of the project, by the command."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from database import drafting
from database.catalog import read_catalog
from database.drafting import Draft, DraftError
from database.history import read_history
from database.scratch import Database, run_psql, scratch_database
from tests.database.conftest import PROJECT, run

pytestmark = pytest.mark.any_server

NEXT = len(read_history())
METER_MODEL = "    model = models.CharField(null=True, blank=True)\n"
DONE, ERROR, NEEDS_A_PERSON, REFUSED = 0, 1, 3, 7


def next_of(app: str) -> str:
    """The number of the next Django migration of an app."""
    return f"{len(list((PROJECT / app / 'migrations').glob('0*.py'))) + 1:04d}"


def change(project: Path, path: str, old: str, new: str) -> None:
    """Replaces a passage of a file that has it exactly once."""
    file = project / path
    text = file.read_text()
    assert text.count(old) == 1, (path, old, text.count(old))
    file.write_text(text.replace(old, new))


def add_to_meter(project: Path, *lines: str) -> None:
    """Gives the model Meter more fields."""
    added = "".join(f"    {line}\n" for line in lines)
    change(project, "metering/models/meters.py", METER_MODEL, METER_MODEL + added)


def files_of(project: Path) -> dict[str, str]:
    """Schema files and Django migrations of the project, with their text."""
    folders = [project / "database" / "migrations", *project.glob("*/migrations")]
    return {
        str(path.relative_to(project)): path.read_text()
        for folder in folders
        for path in folder.iterdir()
        if path.suffix in (".sql", ".py")
    }


@pytest.fixture
def at_head(server: Database, from_files: Database) -> Iterator[Database]:
    """A database with the schema of all files, to which the draft is applied."""
    with scratch_database(server, from_files.name) as database:
        yield database


def test_models_that_the_files_match_need_no_draft(server: Database) -> None:
    done = run(server, "new_migration", "add nothing")
    assert (done.returncode, done.stderr) == (DONE, "")
    assert done.stdout == "Nothing to draft: the models and the schema files say the same.\n"


def test_a_new_column_becomes_one_file_and_one_migration(
    project_copy: Path, server: Database, at_head: Database, migrated_copy: Database
) -> None:
    add_to_meter(
        project_copy,
        'colour = models.CharField(max_length=20, default="red", db_default="red")',
        'twin = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="twins")',
        "seen_at = models.DateTimeField(db_default=TransactionNow())",
    )
    before = files_of(project_copy)
    done = run(server, "new_migration", "add meter colour", project=project_copy)
    assert (done.returncode, done.stderr) == (DONE, "")

    sql = f"database/migrations/{NEXT:03d}_add_meter_colour.sql"
    twin = f"metering/migrations/{next_of('metering')}_add_meter_colour.py"
    after = files_of(project_copy)
    assert after.keys() - before.keys() == {sql, twin}
    assert after[sql] == (
        "-- Add meter colour. Drafted from the models: add field colour to meter; add field seen_at to meter; add field"
        " twin\n-- to meter.\n"
        "\n"
        "ALTER TABLE meter ADD COLUMN IF NOT EXISTS colour varchar(20) DEFAULT 'red' NOT NULL;\n"
        "\n"
        "ALTER TABLE meter ADD COLUMN IF NOT EXISTS seen_at timestamptz DEFAULT now() NOT NULL;\n"
        "\n"
        "ALTER TABLE meter ADD COLUMN IF NOT EXISTS twin_id bigint;\n"
        "\n"
        "ALTER TABLE meter\n"
        "    DROP CONSTRAINT IF EXISTS meter_twin_id_fkey,\n"
        "    ADD CONSTRAINT meter_twin_id_fkey FOREIGN KEY (twin_id) REFERENCES meter (id)"
        " DEFERRABLE INITIALLY DEFERRED;\n"
        "\n"
        "CREATE INDEX IF NOT EXISTS idx_meter_twin_id ON meter (twin_id);\n"
    )
    assert done.stdout == f"Wrote:\n  {sql}\n  {twin}\nThis is a draft. Read it, then run migrate.\n"
    assert f'file_name="{NEXT:03d}_add_meter_colour.sql"' in after[twin]
    in_step(project_copy, server)
    assert_repeatable(project_copy / sql, at_head)
    migrated = run(migrated_copy, "migrate", project=project_copy)
    assert migrated.returncode == DONE, migrated.stderr
    assert run(migrated_copy, "schema_status", "--check", project=project_copy).returncode == DONE


def test_a_change_of_several_apps_is_one_file_that_the_others_follow(
    project_copy: Path, server: Database, at_head: Database
) -> None:
    with (project_copy / "core/models/projects.py").open("a") as file:
        file.write(SITE)
    change(project_copy, "core/models/__init__.py", "from core.models.projects import Project", IMPORTS)
    add_to_meter(project_copy, 'site = models.ForeignKey("core.Site", models.PROTECT, null=True, blank=True)')
    done = run(server, "new_migration", "Sites, of meters!", project=project_copy)
    assert (done.returncode, done.stderr) == (DONE, "")
    name = f"{NEXT:03d}_sites_of_meters.sql"
    files = files_of(project_copy)
    sql = files[f"database/migrations/{name}"]
    assert "CREATE TABLE IF NOT EXISTS site (\n    id bigint NOT NULL PRIMARY KEY GENERATED BY" in sql
    assert "    IF to_regtype('public.site_shape') IS NULL THEN\n" in sql
    assert "    shape site_shape DEFAULT 'flat' NOT NULL,\n    area numeric(24, 9),\n" in sql
    assert "    ADD CONSTRAINT site_area_check CHECK (area > 0);\n" in sql
    assert '    "user" varchar(20) NOT NULL,\n' in sql
    assert "REFERENCES site (id) DEFERRABLE INITIALLY DEFERRED;" in sql
    assert "COMMENT ON TABLE site IS 'Fact: a site, with a comma; and a semicolon.';" in sql
    assert "CREATE OR REPLACE FUNCTION pgtrigger_no_delete_" in sql
    assert "CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore" not in sql
    carrier, follower = (files[f"{app}/migrations/{next_of(app)}_sites_of_meters.py"] for app in ("core", "metering"))
    assert "database.operations.RunSQLFile(" in carrier
    assert "database.operations.SQLFileState(" in follower
    assert f'("core", "{next_of("core")}_sites_of_meters"),' in follower
    in_step(project_copy, server)
    assert_repeatable(project_copy / "database/migrations" / name, at_head)


IMPORTS = "from core.models.projects import Project, Site"
SITE = '''

import pgtrigger
from database.fields import EnumField


class Site(models.Model):
    """A site."""

    user = models.CharField(max_length=20)
    shape = EnumField(enum="site_shape", choices=[("flat", "flat"), ("it's steep", "steep")], db_default="flat")
    area = models.DecimalField(max_digits=24, decimal_places=9, null=True)
    project = models.ForeignKey(Project, models.PROTECT)

    class Meta:
        db_table = "site"
        db_table_comment = "Fact: a site, with a comma; and a semicolon."
        constraints = [
            models.CheckConstraint(condition=models.Q(area__gt=0), name="site_area_check"),
            models.UniqueConstraint(fields=["project", "user"], name="site_project_user_key"),
        ]
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]
'''


def test_what_only_django_knows_becomes_a_follower_of_the_newest_file(project_copy: Path, server: Database) -> None:
    add_to_meter(project_copy, "class Note:", "    pass")
    change(project_copy, "metering/models/meters.py", METER_MODEL, METER_MODEL.replace("blank=True", "help_text='M.'"))
    before = files_of(project_copy)
    done = run(server, "new_migration", "explain model", project=project_copy)
    assert (done.returncode, done.stderr) == (DONE, "")
    (added,) = files_of(project_copy).keys() - before.keys()
    assert added == f"metering/migrations/{next_of('metering')}_explain_model.py"
    text = files_of(project_copy)[added]
    assert "database.operations.SQLFileState(" in text
    assert f'file_name="{read_history()[-1].name}"' in text
    in_step(project_copy, server)


def test_a_new_label_of_an_enum_is_added_in_its_place(project_copy: Path, server: Database) -> None:
    change(
        project_copy,
        "core/models/vocabulary.py",
        '    HOURLY = "hourly", "hourly"\n',
        '    HOURLY = "hourly", "hourly"\n    TEN_MINUTES = "10min", "ten minutes"\n',
    )
    before = files_of(project_copy)
    done = run(server, "new_migration", "ten minutes", "--dry-run", "--json", project=project_copy)
    assert files_of(project_copy) == before
    draft = json.loads(done.stdout)
    assert "ALTER TYPE updated_frequency ADD VALUE IF NOT EXISTS '10min' AFTER 'hourly';\n" in draft["sql"]
    assert draft["name"] == f"{NEXT:03d}_ten_minutes.sql"
    assert len(draft["files"]) == 4


RENAMED = METER_MODEL.replace("model =", "make =")


def test_a_rename_is_refused_where_nobody_can_be_asked(project_copy: Path, server: Database) -> None:
    change(project_copy, "metering/models/meters.py", METER_MODEL, RENAMED)
    change(project_copy, "metering/models/meters.py", "{self.model or", "{self.make or")
    before = files_of(project_copy)
    done = run(server, "new_migration", "rename model", "--allow-drop", project=project_copy)
    assert done.returncode == REFUSED
    assert "A person must decide: meter.model may have been renamed to make" in done.stderr
    assert files_of(project_copy) == before


def test_a_rename_that_a_person_confirms_keeps_the_column(
    project_copy: Path, server: Database, at_head: Database
) -> None:
    change(project_copy, "metering/models/meters.py", METER_MODEL, RENAMED)
    change(project_copy, "metering/models/meters.py", "{self.model or", "{self.make or")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "new_migration", "rename model"],
        cwd=project_copy,
        env={**os.environ, "DATABASE_URL": server.url},
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(master, b"y\n")
    out, err = process.communicate(timeout=120)
    os.close(master)
    os.close(slave)
    assert process.returncode == DONE, err
    assert "Was meter.model renamed to meter.make" in out
    assert "asks meter by its old name. (breaks-running-code)" in err
    sql = project_copy / f"database/migrations/{NEXT:03d}_rename_model.sql"
    assert "ALTER TABLE meter RENAME COLUMN model TO make;" in sql.read_text()
    assert "DROP" not in sql.read_text()
    in_step(project_copy, server)
    assert_repeatable(sql, at_head)


def test_nothing_is_dropped_unasked(project_copy: Path, empty: Database) -> None:
    """The database that is named may be at any state: the draft is made against all files."""
    change(
        project_copy,
        "metering/models/meters.py",
        '    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="meters", null=True, blank=True)\n',
        "",
    )
    done = run(empty, "new_migration", "drop vendor", project=project_copy)
    assert done.returncode == REFUSED
    assert "Remove field vendor from meter: the draft would drop it. Say --allow-drop" in done.stderr
    done = run(empty, "new_migration", "drop vendor", "--allow-drop", "--dry-run", project=project_copy)
    assert done.returncode == DONE, done.stderr
    assert "What meter holds there is lost. (drops-data)" in done.stderr
    assert "ALTER TABLE IF EXISTS meter DROP CONSTRAINT IF EXISTS meter_vendor_id_fkey;" in done.stdout
    assert "ALTER TABLE IF EXISTS meter DROP COLUMN IF EXISTS vendor_id;" in done.stdout
    assert "CASCADE" not in done.stdout


def test_triggers_step_aside_for_a_change_of_type_and_take_their_functions_along(
    project_copy: Path, server: Database, at_head: Database
) -> None:
    models = "metering/models/meters.py"
    change(project_copy, models, "from django.db import models\n", "import pgtrigger\nfrom django.db import models\n")
    comment = '        db_table_comment = "Fact: a meter of a project."\n'
    change(project_copy, models, comment, comment + TRIGGERS)
    for words, flags in (("guard meters", []), ("longer models", []), ("free meters", ["--allow-drop"])):
        done = run(server, "new_migration", words, *flags, project=project_copy)
        assert done.returncode == DONE, done.stderr
        if words == "guard meters":
            change(project_copy, models, METER_MODEL, METER_MODEL.replace("CharField", "TextField"))
        else:
            (project_copy / models).write_text((project_copy / models).read_text().replace(TRIGGERS, ""))
    guard, longer, free = (
        (project_copy / f"database/migrations/{NEXT + later:03d}_{name}.sql")
        for later, name in enumerate(("guard_meters", "longer_models", "free_meters"))
    )
    assert longer.read_text().index("DROP TRIGGER IF EXISTS") < longer.read_text().index("ALTER COLUMN model TYPE text")
    assert longer.read_text().index("ALTER COLUMN model TYPE text") < longer.read_text().index("CREATE TRIGGER")
    assert "DROP FUNCTION IF EXISTS pgtrigger_modelled_" in free.read_text()
    in_step(project_copy, server)
    for sql in (guard, longer):
        run_psql(at_head, sql)
    assert_repeatable(free, at_head)


TRIGGERS = """        triggers = [
            pgtrigger.Protect(name="modelled", operation=pgtrigger.Update, condition=pgtrigger.Q(old__model="x")),
        ]
"""


@pytest.mark.parametrize(
    "field, said",
    [
        ("number = models.IntegerField()", "meter.number may not be null, and rows that exist need a value"),
        ('by = models.ForeignKey("core.User", models.PROTECT, null=True)', "Write db_constraint=False."),
    ],
)
def test_what_a_person_must_decide_is_refused(field: str, said: str, project_copy: Path, server: Database) -> None:
    add_to_meter(project_copy, field)
    before = files_of(project_copy)
    done = run(server, "new_migration", "add this", project=project_copy)
    assert (done.returncode, said in done.stderr) == (REFUSED, True), done.stderr
    assert files_of(project_copy) == before


def test_models_that_break_the_rules_of_the_schema_are_told_which(project_copy: Path, server: Database) -> None:
    add_to_meter(
        project_copy,
        "serial = models.CharField(null=True, unique=True)",
        "share = models.FloatField(null=True)",
        "at = models.DateTimeField(db_default=Now())",
        'tags = models.ManyToManyField("self")',
    )
    imports = "from django.db import models\n"
    change(project_copy, "metering/models/meters.py", imports, f"{imports}from django.db.models.functions import Now\n")
    before = files_of(project_copy)
    done = run(server, "new_migration", "add this", project=project_copy)
    assert done.returncode == ERROR
    for said in (
        "A constraint of meter.serial has no name of ours. Write CONSTRAINT name before it",
        "share: double precision is not exact; write numeric.",
        "at: statement_timestamp() differs between the rows that one transaction writes. Write now(), in the model",
        "meter_tags does not say what its rows are.",
    ):
        assert said in done.stderr
    assert files_of(project_copy) == before


def test_a_draft_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "ROOT", tmp_path / "database")
    (tmp_path / "b.py").write_text("mine")
    with pytest.raises(DraftError, match=r"b\.py cannot be written: File exists\. Nothing was\."):
        Draft("017_a.sql", "a", {Path("a.sql"): "a", Path("b.py"): "b"}, ()).write()
    assert [path.name for path in tmp_path.iterdir()] == ["b.py"]
    assert (tmp_path / "b.py").read_text() == "mine"


def test_a_label_that_the_model_lost_is_not_left_to_chance(project_copy: Path, server: Database) -> None:
    change(project_copy, "metering/models/context.py", '    LOW = "low", "low"\n', "")
    done = run(server, "new_migration", "no low severity", project=project_copy)
    assert done.returncode == ERROR
    assert "severity has low, which the model has not: PostgreSQL drops no label." in done.stderr


def test_logins_are_left_to_django(project_copy: Path, server: Database) -> None:
    users = project_copy / "core/models/users.py"
    users.write_text(users.read_text() + "    nickname = models.TextField(null=True)\n")
    done = run(server, "new_migration", "add nickname", project=project_copy)
    assert done.returncode == REFUSED
    assert "Run `makemigrations core` with this change alone" in done.stderr


def test_a_history_that_is_out_of_step_is_not_continued(project_copy: Path, server: Database) -> None:
    add_to_meter(project_copy, "colour = models.CharField(null=True)")
    with (project_copy / "database/migrations" / read_history()[-1].name).open("a") as file:
        file.write("-- Edited.\n")
    done = run(server, "new_migration", "add colour", project=project_copy)
    assert done.returncode == NEEDS_A_PERSON
    assert "The history is not in order" in done.stderr


def in_step(project: Path, server: Database) -> None:
    """Asserts that Django finds nothing more to do, and the checks nothing wrong."""
    silent = run(server, "makemigrations", "--check", "--dry-run", project=project)
    assert (silent.returncode, silent.stdout) == (DONE, "No changes detected\n"), silent.stdout + silent.stderr


def assert_repeatable(sql: Path, database: Database) -> None:
    """Asserts that the file does something the first time, and nothing the second."""

    def catalog() -> object:
        with database.connect() as session:
            return read_catalog(session)

    before = catalog()
    run_psql(database, sql)
    once = catalog()
    run_psql(database, sql)
    assert before != once == catalog()


@pytest.mark.django_db
def test_a_condition_that_ends_with_null_stays_whole() -> None:
    said = drafting.layout(
        'CREATE TABLE "mail" ("sent_at" date NULL, CHECK (("sent_at" IS NOT NULL OR "why" IS NULL)))'
    )
    assert said == "CREATE TABLE mail (\n    sent_at date,\n    CHECK ((sent_at IS NOT NULL OR why IS NULL))\n)"

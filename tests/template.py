"""The database that every test database is a copy of."""

import hashlib
from datetime import UTC, datetime

from django.core.management import call_command
from psycopg import sql

from database.history import ROOT, read_history
from database.installation import load_snapshot, newest_fitting
from database.scratch import Database, django_connection

PREFIX = "frontier_template_"
# "template" in ASCII, the key of the lock under which it is made.
LOCK_KEY = 0x74656D706C617465


def prepare_template(server: Database) -> Database:
    """A database with the newest snapshot, the later files and Django's own tables, ready to be copied.

    Made once a day for the same files, because its partitions begin with this month. Runs at the same time wait for
    the one that makes it; a name is given to it only when it is whole.
    """
    today = f"{PREFIX}{datetime.now(UTC):%Y%m%d}_"
    template = server.sibling(today + fingerprint()[:12])
    draft = server.sibling(PREFIX + "draft")
    with server.sibling("postgres").connect() as session:
        session.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        present = {
            name
            for (name,) in session.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        }
        for name in sorted(present):
            if not name.startswith(today):
                session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        if template.name not in present:
            session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(draft.name)))
            fill(draft)
            session.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (draft.name, template.name)))
            )
    return template


def fill(database: Database) -> None:
    """Brings the schema into an empty database, the ledger and Django's tables included."""
    with django_connection(database) as connection:
        if snapshot := newest_fitting(read_history()):
            load_snapshot(connection, snapshot)
        call_command("migrate", database=connection.alias, verbosity=0)


def fingerprint() -> str:
    """A checksum of every file that the schema is made of."""
    project = ROOT.parent
    digest = hashlib.sha256()
    sources = [*ROOT.glob("functions/*.sql"), *ROOT.glob("versions/*.sql"), *ROOT.glob("migrations/*.sql")]
    for path in sorted([*sources, *project.glob("*/migrations/*.py")]):
        digest.update(f"{path.relative_to(project)}\0".encode() + path.read_bytes())
    return digest.hexdigest()

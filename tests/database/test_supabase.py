"""The history on a server shaped like Supabase: no superuser, and users that belong to somebody else."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg import sql

from database import history
from database.catalog import Catalog, read_catalog
from database.scratch import Database

PROJECT = history.ROOT.parent


@pytest.fixture
def supabase(empty: Database, server: Database) -> Iterator[Database]:
    """An empty database whose owner may log in and little else; `auth` is a superuser's, as on Supabase."""
    role, password = f"owner_{secrets.token_hex(4)}", secrets.token_hex(16)
    owner = sql.Identifier(role)
    with server.sibling("postgres").connect() as session:
        session.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, sql.Literal(password)))
        session.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(empty.name), owner))
        present = {name for (name,) in session.execute("SELECT rolname FROM pg_roles")}
        for name in {"anon", "authenticated", "service_role"} - present:
            session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
    with empty.connect() as session:
        session.execute(
            """
            CREATE SCHEMA auth;
            CREATE TABLE auth.users (id uuid PRIMARY KEY, email varchar(255), encrypted_password varchar(255));
            CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';
            """
        )
        session.execute(sql.SQL("GRANT USAGE ON SCHEMA auth TO {}").format(owner))
        session.execute(sql.SQL("GRANT SELECT, REFERENCES ON auth.users TO {}").format(owner))
    try:
        yield replace(empty, libpq={**empty.libpq, "user": role, "password": password})
    finally:
        with server.sibling("postgres").connect() as session:
            session.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(sql.Identifier(empty.name)))
        with empty.connect() as session:
            session.execute(sql.SQL("DROP OWNED BY {}").format(owner))
            session.execute(sql.SQL("DROP ROLE {}").format(owner))


def migrate(database: Database) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database.url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_owner_who_is_no_superuser_gets_the_same_schema(supabase: Database, files_catalog: Catalog) -> None:
    done = migrate(supabase)
    assert (done.returncode, done.stderr) == (0, "")

    with supabase.connect() as session:
        assert read_catalog(session) == files_catalog
        row = session.execute("SELECT create_meter_reading_partition('2031-05-17')").fetchone()
    assert row == ("meter_reading_2031_05",)
    again = migrate(supabase)
    assert (again.returncode, again.stderr) == (0, "")

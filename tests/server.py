"""The server of the test runs, where no DATABASE_URL names another: an embedded one beside the project's own.

It never waits for the disk, since tests copy and drop hundreds of databases and keep none. A machine that loses its
power may leave it spoiled: then `make clean`, or take the folder away. `python -m tests.server` stops it.
"""

import psycopg
from psycopg import sql

from database.embedded import Server
from database.history import ROOT

FOLDER = ROOT.parent / ".frontier" / "tests"
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


def start_forgetful() -> None:
    """Starts the server where it is down, and has it leave the disk alone."""
    with psycopg.connect(Server(FOLDER).url("postgres"), autocommit=True) as session:
        for setting in DURABILITY:
            session.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        session.execute("SELECT pg_reload_conf()")


if __name__ == "__main__":
    Server(FOLDER).stop()

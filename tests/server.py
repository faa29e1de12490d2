"""The server of the test runs, where no DATABASE_URL names another: an embedded one beside the project's own.

It never waits for the disk, since tests copy and drop hundreds of databases and keep none. A machine that loses its
power may leave it spoiled: then `make clean`, or take the folder away. `python -m tests.server` stops it.
"""

import psycopg
from psycopg import sql

from database.embedded import Address, Server
from database.history import ROOT

FOLDER = ROOT.parent / ".frontier" / "tests"
# What makes it wait for the disk, and what compiles a query for longer than any query of a test takes.
OFF = ("fsync", "full_page_writes", "synchronous_commit", "jit")


def start_forgetful(server: Server) -> Address:
    """Starts the server where it is down, and has it leave the disk alone; returns where it listens."""
    address = server.ensure_running()
    with psycopg.connect(address.url("postgres"), autocommit=True) as session:
        for setting in OFF:
            session.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        session.execute("SELECT pg_reload_conf()")
    return address


if __name__ == "__main__":
    Server(FOLDER).stop()

"""Django's PostgreSQL backend, which starts the embedded server when a connection is first needed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db.backends.postgresql import base, client
from django.db.utils import OperationalError

from database.embedded import EmbeddedServerError, Server
from database.management import Exit


class EmbeddedServerUnreachableError(CommandError, OperationalError):
    """A command ends with this one sentence; code that minds an absent database minds this one too."""


def configured_server() -> Server:
    """The embedded server of this project, running or not."""
    return Server(Path(settings.EMBEDDED_ROOT))


def fill_in_address(settings_dict: dict[str, Any]) -> Server:
    """Makes sure the server runs and writes where it listens into a connection's settings.

    The owner's login is filled in where the settings name nobody else. Asked again for every connection, which is
    cheap, so that a server stopped meanwhile is started anew.
    """
    server = configured_server()
    try:
        address = server.ensure_running()
    except EmbeddedServerError as error:
        raise EmbeddedServerUnreachableError(str(error), returncode=Exit.NOT_REACHABLE) from error
    settings_dict.update(HOST=address.host, PORT=str(address.port))
    if settings_dict["USER"] in ("", address.user):
        settings_dict.update(USER=address.user, PASSWORD=address.password)
    # The embedded server has no TLS, whatever PGSSLMODE asks of other servers.
    settings_dict["OPTIONS"].setdefault("sslmode", "disable")
    return server


class DatabaseClient(client.DatabaseClient):
    """`dbshell`, with the psql of the server's own version."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        server = fill_in_address(settings_dict)
        arguments, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        try:
            arguments[0] = str(server.program("psql"))
        except EmbeddedServerError as error:
            raise EmbeddedServerUnreachableError(str(error), returncode=Exit.NOT_REACHABLE) from error
        return arguments, environment


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the embedded server, which runs from the first connection on, not before."""

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        fill_in_address(self.settings_dict)
        return super().get_connection_params()

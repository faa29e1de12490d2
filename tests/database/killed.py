"""Runs manage.py in the working folder and kills its own process, without warning, around its N-th statement.

python killed.py 40.5 migrate    after statement 40 was answered, before its transaction can be committed
python killed.py 41 migrate      before statement 41 is sent, after what came before it was committed
python killed.py 0 migrate       not at all; the number of statements goes to the file that COUNT names
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from django.core.management import execute_from_command_line
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class Watch:
    """Counts the statements of all connections and ends the process around one of them."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.sent = 0

    def __call__(self, execute: Callable[..., object], *arguments: object) -> object:
        self.sent += 1
        if self.sent == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = execute(*arguments)
        if self.sent + 0.5 == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def follow(self, connection: BaseDatabaseWrapper, **_: object) -> None:
        if self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)


def main(at: str, *arguments: str) -> None:
    sys.path.insert(0, str(Path.cwd()))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
    watch = Watch(float(at))
    connection_created.connect(watch.follow)
    try:
        execute_from_command_line(["manage.py", *arguments])
    finally:
        if not watch.at:
            Path(os.environ["COUNT"]).write_text(str(watch.sent))


if __name__ == "__main__":
    main(*sys.argv[1:])

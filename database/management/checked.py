"""Commands that begin only where files, migrations and models are in step."""

from typing import Any

from django.core.management.base import SystemCheckError

from database.checks import check_history
from database.management import Exit, FrontierCommand


class CheckedCommand(FrontierCommand):
    """Ends with 3 where the history does not pass its checks, with 4 where other settings do not."""

    def check(self, *args: Any, **options: Any) -> None:
        try:
            super().check(*args, **options)
        except SystemCheckError as error:
            error.returncode = Exit.NEEDS_A_PERSON if check_history(None) else Exit.WRONG_CONFIGURATION
            raise

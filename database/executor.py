"""Django's executor of migrations, with the record of a migration in the transaction of its work."""

from contextlib import nullcontext

from django.db import transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState


class WholeExecutor(MigrationExecutor):
    """Applies and records each migration in one transaction, unless the migration cannot run in one.

    Django itself records a migration that adds foreign keys or indexes after its commit: a run that is killed in
    between leaves tables of which no record knows, and the next run fails on them.
    """

    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        with transaction.atomic(using=self.connection.alias) if migration.atomic else nullcontext():
            return super().apply_migration(state, migration, fake, fake_initial)

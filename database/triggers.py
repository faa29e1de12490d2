"""Triggers that guard facts, declared with django-pgtrigger but not to be ignored."""

import pgtrigger
from django.db import DEFAULT_DB_ALIAS, connections, models
from pgtrigger import compiler
from pgtrigger.core import INSTALLED, OUTDATED


class GuardSql(compiler.UpsertTriggerSql):
    """What installs a guard: it asks no `pgtrigger.ignore`, and fires in sessions that replicate, too."""

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS trigger AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE {constraint} TRIGGER {pgid}
                {when} {operation} ON {table}
                {timing}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};
            ALTER TABLE {table} ENABLE ALWAYS TRIGGER {pgid};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class Guard(pgtrigger.Trigger):
    """A trigger that neither `SET pgtrigger.ignore` nor `SET session_replication_role` steps over."""

    def get_installation_status(self, model: models.Model, database: str | None = None) -> tuple[str, bool | None]:
        """Installed or not, and whether it fires: always, which pgtrigger takes for never."""
        status, enabled = super().get_installation_status(model, database=database)
        if status in (INSTALLED, OUTDATED):
            name, table = self.get_pgid(model), model._meta.db_table
            with connections[database or DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute(
                    "SELECT tgenabled = 'A' FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass", [name, table]
                )
                (enabled,) = cursor.fetchone()
        return status, enabled

    def compile(self, model: models.Model) -> compiler.Trigger:
        return compiler.Trigger(
            name=self.name,
            sql=GuardSql(
                pgid=self.get_pgid(model),
                declare=self.render_declare(model),
                func=self.render_func(model),
                table=model._meta.db_table,
                constraint="CONSTRAINT" if self.timing else "",
                when=self.when,
                operation=self.operation,
                timing=f"DEFERRABLE INITIALLY {self.timing}" if self.timing else "",
                level=self.level,
                condition=self.render_condition(model),
                execute=self.render_execute(model),
            ),
        )

"""Many rows of one model written by one short statement: an array for each column instead of a value for each field."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import JSONField, Model
from django.db.models.expressions import DatabaseDefault
from psycopg import sql

Row = TypeVar("Row", bound=Model)


def insert_all(rows: Sequence[Row]) -> Sequence[Row]:
    """Inserts the rows, which get their ids. What none of them says is left to the default of its column.

    All must say a column, or none; so must it be with documents. Planning and binding cost what the columns cost, not
    what the rows do.
    """
    if not rows:
        return rows
    model = type(rows[0])
    columns: list[sql.Composable] = []
    sources: list[sql.Composable] = []
    values: list[Any] = []
    for field in model._meta.concrete_fields:
        column = [getattr(row, field.attname) for row in rows]
        if field.primary_key or isinstance(column[0], DatabaseDefault):
            continue
        if all(value is None for value in column):
            continue
        columns.append(sql.Identifier(field.column or field.name))
        if isinstance(field, JSONField):
            # One document: quoted within an array, each would be escaped twice.
            sources.append(sql.SQL("jsonb_array_elements(%s::jsonb)"))
            values.append(json.dumps(column, ensure_ascii=False))
        else:
            sources.append(sql.SQL("unnest(%s::{}[])").format(sql.SQL(field.db_type(connection) or "")))
            values.append([field.get_db_prep_save(value, connection) for value in column])
    statement = sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM ROWS FROM ({sources}) WITH ORDINALITY"
        " AS row ({columns}, ordinality) ORDER BY ordinality RETURNING id"
    ).format(
        table=sql.Identifier(model._meta.db_table),
        columns=sql.SQL(", ").join(columns),
        sources=sql.SQL(", ").join(sources),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(), values)
        for row, (key,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = key
            row._state.adding = False
    return rows

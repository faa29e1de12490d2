"""Model fields for column types that Django does not know."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class EnumField(models.CharField):  # type: ignore[type-arg]
    """A column of a PostgreSQL enum type; the type itself is made by a schema file.

    Choices are the labels of the enum, which a test compares with the catalog.
    """

    def __init__(self, *args: Any, enum: str, **kwargs: Any) -> None:
        self.enum = enum
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "enum": self.enum}

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return self.enum

    def cast_db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The enum again: bulk updates cast their values, and varchar is not assignable to an enum."""
        return self.enum

"""Indexes under the names that the schema files give them."""

from django.db import models


class NamedIndex(models.Index):
    """An index whose name may be as long as PostgreSQL allows; Django stops at what Oracle allows."""

    max_name_length = 63

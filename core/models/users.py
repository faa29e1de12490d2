"""Logins."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A login of the admin; lies in the schema `django`, apart from the energy tables."""

    auth_user_id = models.UUIDField(
        default=uuid.uuid4,
        unique=True,
        help_text="Id of the same person in Supabase Auth, by which roles are found.",
    )

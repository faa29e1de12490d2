"""Frontier's apps: the wiring itself, and Django's admin under Frontier's site."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class FrontierConfig(AppConfig):
    """The wiring, as an app, so that its commands are found."""

    name = "frontier"
    default = True


class FrontierAdminConfig(admin.AdminConfig):
    """Django's admin, with Frontier's site in place of the default one."""

    default_site = "frontier.site.FrontierAdminSite"
    default = False

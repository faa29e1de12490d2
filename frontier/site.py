"""The admin site on which every app registers its models."""

from django.contrib.admin import AdminSite


class FrontierAdminSite(AdminSite):
    """The admin under Frontier's name."""

    site_header = "Frontier"
    site_title = "Frontier"
    index_title = "Contracts, measurement, money"

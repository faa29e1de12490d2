"""The admin site on which every app registers its models."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, reverse

from database.overview import schema_overview


class FrontierAdminSite(AdminSite):
    """The admin under Frontier's name, with a page about the schema beside the screens of the models."""

    site_header = "Frontier"
    site_title = "Frontier"
    index_title = "Contracts, measurement, money"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [path("schema/", self.admin_view(self.schema), name="schema"), *super().get_urls()]

    def schema(self, request: HttpRequest) -> HttpResponse:
        return schema_overview(request, self.each_context(request))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The chapters, and for superusers the page about the schema as if it were one more."""
        chapters: list[Any] = list(super().get_app_list(request, app_label))
        if app_label is None and request.user.is_active and request.user.is_superuser:
            address = reverse("admin:schema")
            page = {"name": "State of the schema", "object_name": "Schema", "admin_url": address, "view_only": True}
            chapters.append({"name": "Schema", "app_label": "schema", "app_url": address, "models": [page]})
        return chapters

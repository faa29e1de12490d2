"""Which meter or project a person means who names an organization, a project and a meter."""

from typing import TypeVar

from django.db.models import QuerySet

from core.models import Project
from metering.errors import MeteringError
from metering.models import Meter

Found = TypeVar("Found", Meter, Project)


def find_target(organization: str | None, project: str | None, meter: str | None) -> Meter | Project:
    """Whose readings a file holds: a meter as `find_meter` does; where a project alone is named that has several
    meters, the project, whose devices tell the meters apart."""
    if project is not None and meter is None:
        fitting = _narrow(Project.objects.select_related("organization"), organization, "organization", "name")
        found = list(_narrow(fitting, project, "", "name")[:2])
        if len(found) == 1 and found[0].meters.count() > 1:
            return found[0]
    return find_meter(organization, project, meter)


def find_meter(organization: str | None, project: str | None, meter: str | None) -> Meter:
    """The one meter that fits all that is given: ids, or exact names; a meter has its id or its asset's serial code.

    `MeteringError` where none fits or several do; it lists the candidates.
    """
    fitting = Meter.objects.select_related("project__organization", "asset", "meter_type")
    fitting = _narrow(fitting, organization, "project__organization", "name")
    fitting = _narrow(fitting, project, "project", "name")
    fitting = _narrow(fitting, meter, "", "asset__serial_code")
    found = list(fitting.order_by("pk")[:11])
    if len(found) == 1:
        return found[0]
    given = ", ".join(
        f"{word} {value!r}"
        for word, value in (("organization", organization), ("project", project), ("meter", meter))
        if value is not None
    )
    if not found:
        raise MeteringError(f"no meter fits {given or 'what was given'}. The admin lists meters and their projects.")
    listed = "; ".join(f"{one.pk} ({one.project.organization}, {one.project}, {one})" for one in found[:10])
    more = " and more" if len(found) > 10 else ""
    raise MeteringError(f"several meters fit {given or 'what was given'}: {listed}{more}. Name one with --meter.")


def _narrow(rows: QuerySet[Found], value: str | None, path: str, name_field: str) -> QuerySet[Found]:
    if value is None:
        return rows
    prefix = f"{path}__" if path else ""
    if value.isdecimal():
        return rows.filter(**{f"{prefix}pk": int(value)})
    return rows.filter(**{f"{prefix}{name_field}": value})

"""Which meter a person means."""

import pytest

from metering.errors import MeteringError
from metering.models import Meter
from metering.selection import find_meter, find_target
from tests.factories import AssetFactory, MeterFactory, OrganizationFactory, ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def meters() -> list[Meter]:
    """Two meters of a project in the north; in the south one, of a project with the same name."""
    north, south = OrganizationFactory.create(name="North"), OrganizationFactory.create(name="South")
    park = ProjectFactory.create(organization=north, name="Park")
    asset = AssetFactory.create(project=park, serial_code="SN-1")
    return [
        MeterFactory.create(project=park, asset=asset),
        MeterFactory.create(project=park),
        MeterFactory.create(project__organization=south, project__name="Park"),
    ]


def test_the_only_meter_needs_no_name() -> None:
    meter = MeterFactory.create()
    assert find_meter(None, None, None) == meter


def test_names_narrow_to_one(meters: list[Meter]) -> None:
    assert find_meter("North", "Park", "SN-1") == meters[0]
    assert find_meter(None, None, "SN-1") == meters[0]
    assert find_meter("South", None, None) == meters[2]


def test_ids_narrow_as_well(meters: list[Meter]) -> None:
    second = meters[1]
    assert find_meter(None, None, str(second.pk)) == second
    assert find_meter(str(second.project.organization_id), str(second.project_id), str(second.pk)) == second


def test_a_meter_of_another_project_does_not_fit(meters: list[Meter]) -> None:
    with pytest.raises(MeteringError, match=rf"no meter fits project '{meters[2].project_id}', meter 'SN-1'"):
        find_meter(None, str(meters[2].project_id), "SN-1")


def test_names_are_exact(meters: list[Meter]) -> None:
    with pytest.raises(MeteringError, match="no meter fits organization 'north'"):
        find_meter("north", None, None)


def test_several_that_fit_are_listed(meters: list[Meter]) -> None:
    with pytest.raises(MeteringError) as caught:
        find_meter(None, "Park", None)
    message = str(caught.value)
    assert message.startswith("several meters fit project 'Park': ")
    for meter in meters:
        assert f"{meter.pk} ({meter.project.organization}, Park, {meter})" in message
    assert message.endswith("Name one with --meter.")


def test_a_long_list_is_cut() -> None:
    project = ProjectFactory.create()
    for _ in range(12):
        MeterFactory.create(project=project)
    with pytest.raises(MeteringError, match=r"several meters fit what was given: .* and more\. Name one"):
        find_meter(None, None, None)


def test_without_any_meter_the_message_says_where_to_look() -> None:
    with pytest.raises(MeteringError, match=r"no meter fits what was given\. The admin lists meters"):
        find_meter(None, None, None)


def test_a_number_too_large_for_an_id_fits_nothing() -> None:
    MeterFactory.create()
    with pytest.raises(MeteringError, match="no meter fits"):
        find_meter(None, None, "9" * 30)


def test_a_project_with_several_meters_is_a_target_itself(meters: list[Meter]) -> None:
    park = meters[0].project
    assert find_target("North", "Park", None) == park
    assert find_target(None, str(park.pk), None) == park
    assert find_target("North", "Park", "SN-1") == meters[0]


def test_the_only_meter_of_a_project_is_meant_by_it(meters: list[Meter]) -> None:
    assert find_target("South", "Park", None) == meters[2]


def test_a_name_that_two_projects_have_is_no_target(meters: list[Meter]) -> None:
    with pytest.raises(MeteringError, match="several meters fit project 'Park'"):
        find_target(None, "Park", None)


def test_without_a_project_several_meters_are_no_target(meters: list[Meter]) -> None:
    with pytest.raises(MeteringError, match="several meters fit"):
        find_target("North", None, None)

"""How the files of a source are to be read, declared once under a name and saved for the next ones."""

from collections.abc import Mapping

from core.models import DataSource
from metering.errors import MeteringError
from metering.formats import read_mapping
from metering.models import FileMapping, SourceSystem


def saved_mapping(organization_id: int, name: str) -> tuple[str, dict[str, object]]:
    """Format and mapping that the organization saved under this name; `MeteringError` lists those there are."""
    saved = FileMapping.objects.filter(organization=organization_id, name=name).first()
    if saved is None:
        names = FileMapping.objects.filter(organization=organization_id).order_by("name").values_list("name", flat=True)
        known = ", ".join(map(repr, names[:20])) or "none"
        raise MeteringError(f"no mapping is saved as {name!r} for the organization: saved are {known}")
    return saved.file_format, dict(saved.mapping)


def save_mapping(
    organization_id: int, name: str, source: SourceSystem, file_format: str, mapping: Mapping[str, object]
) -> None:
    """Saves a mapping under a name, in place of what bore it before. `MappingError` for one that cannot be used."""
    read_mapping(file_format, mapping)
    FileMapping.objects.update_or_create(
        organization_id=organization_id,
        name=name,
        defaults={
            "data_source": DataSource.objects.get(name=source.value),
            "file_format": file_format,
            "mapping": {key: value for key, value in mapping.items() if value is not None},
        },
    )

"""What every vendor's module takes and gives."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import BinaryIO, Final, Self, TypeAlias
from urllib.parse import quote

from core import sealing
from core.periods import Period
from metering.errors import BadFile, MappingError
from metering.formats.bodies import BodyMapping, NoReadings
from metering.formats.canonical import Block

Parser: TypeAlias = Callable[[BinaryIO, BodyMapping, str], Iterator[Block]]
JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | Decimal | bool | None"

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
# The length of a quota that counts by calendar month; no month is as long, so it cannot be a real length.
MONTH: Final = timedelta(days=31, seconds=1)


@dataclass(frozen=True, slots=True)
class Site:
    """A plant as the vendor knows it.

    `time_zone` is an IANA name, None where a listing does not say it; `metadata` is what the portal says beside and
    what a person declared for the site: each vendor's `fetch` says what it looks for.
    """

    external_site_id: str
    time_zone: str | None
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def in_path(self) -> str:
        """The id as one segment of a URL's path, whatever stands in it."""
        return quote(self.external_site_id, safe="")

    def declared(self, *names: str) -> dict[str, object]:
        """What the metadata says under these names, for the mapping of a body."""
        return {name: self.metadata[name] for name in names if self.metadata.get(name) is not None}


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `requests` in any stretch of time as long as `per`; per `MONTH`, in a calendar month of UTC."""

    requests: int
    per: timedelta

    def __str__(self) -> str:
        span = "calendar month" if self.per == MONTH else f"{self.per / timedelta(seconds=1):g} s"
        return f"{self.requests:,} requests per {span}"


class Secrets(sealing.Secrets):
    """A decrypted credential by name: api_key, access_token, refresh_token, client_id, client_secret, account,
    password, token, api and expires_at (ISO 8601, UTC), as the vendor needs them. Never shows a value."""

    @property
    def expires_at(self) -> datetime | None:
        """When the access token ends, in UTC; None where that is not known."""
        text = self._values.get("expires_at")
        return None if text is None else datetime.fromisoformat(text).astimezone(UTC)

    def changed(self, **values: str) -> Self:
        """The same credential with some values replaced."""
        return type(self)(self._values | values)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request must carry to be answered: headers, query, and fields of a form or of a JSON object.

    It is added below the client, so that no log, exception or URL that is shown can hold it.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the bytes as they came, what they say as JSON (numbers exact, as `Decimal`), and when.

    `data` is None where the bytes are no JSON; names of headers are in small letters.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    data: JsonValue
    received_at: datetime

    @property
    def fields(self) -> Mapping[str, JsonValue]:
        """The JSON object; empty where it is none."""
        return self.data if isinstance(self.data, dict) else {}


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error that a vendor reports inside an answer with HTTP 200.

    `renew` says that a new token may cure it, `again` that it may pass by itself, `limited` that it will when the
    vendor's limit frees.
    """

    text: str
    renew: bool = False
    again: bool = False
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """One answer as it came, to be kept and ingested: `metering.formats.parse(file_format, ..., mapping, ...)`.

    `mapping` is JSON that says what the body does not say itself. `period` is the time whose readings it holds, as
    far as the vendor has them: the periods of one fetch follow each other and end where its window ends, or with the
    last interval that ended by then. `name` is a file name of letters, digits, dots, dashes and underscores, which says
    when it was asked: another fetch of the same period has another name.
    `empty` says that the vendor has nothing for the period: there is nothing to ingest, and nothing failed.
    """

    content: bytes
    file_format: str
    mapping: Mapping[str, object]
    period: Period
    name: str
    empty: bool

    @classmethod
    def of(
        cls,
        file_format: str,
        parse: Parser,
        answer: Answer,
        site: Site,
        mapping: Mapping[str, object],
        period: Period,
    ) -> Self:
        """The body of an answer about a site, in a format and as that format's `parse` reads it."""
        asked_at = answer.received_at
        mapping = {**mapping, "fetched_at": asked_at.isoformat()}
        stem = f"{file_format}_{site.external_site_id}_{period.start:%Y%m%dT%H%MZ}_{asked_at:%Y%m%dT%H%M%SZ}"
        name = f"{_UNSAFE.sub('-', stem)}.json"
        try:
            for _ in parse(BytesIO(answer.content), BodyMapping.from_json(mapping), name):
                break
            empty = False
        except NoReadings:
            empty = True
        except (BadFile, MappingError):
            empty = False  # what is wrong is told when it is ingested, and kept beside it
        return cls(answer.content, file_format, mapping, period, name, empty)

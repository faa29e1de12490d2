"""Secrets as they are stored: sealed with the newest key, opened with any, never plain.

A credential is a JSON object of texts, such as `{"api_key": "..."}`, encrypted with Fernet: AES-128-CBC and
HMAC-SHA256, with the time of sealing. The keys come from `settings.CREDENTIAL_KEYS`; without one nothing is sealed
and nothing is opened.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from core.errors import SealingError

# What `integration_credential.encryption_method` says of credentials that this module sealed.
METHOD = "fernet"
MAKE_A_KEY = (
    'Make one with `python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"` and put'
    " it into FRONTIER_CREDENTIAL_KEYS, before older ones and separated by a comma, in the environment or .env.local."
)


class Secrets(Mapping[str, str]):
    """Opened secrets by name. They are read by name only: no `repr`, message or log of theirs shows a value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values)) or 'nothing'})"

    def __reduce__(self) -> Any:
        # Jobs, caches and sessions keep what they are given by pickling it.
        raise TypeError("secrets stay in the memory of the process that opened them")


def seal(secrets: Mapping[str, str]) -> bytes:
    """The secrets encrypted with the newest key. Two seals of the same secrets differ."""
    return _keys().encrypt(json.dumps(dict(secrets), ensure_ascii=False, sort_keys=True).encode())


def open_sealed(sealed: bytes | memoryview) -> Secrets:
    """The secrets that `seal` was given. `SealingError` where no key fits, or something else lies there."""
    content = bytes(sealed)
    if not content:
        raise SealingError("there are no secrets to open: none were ever typed in")
    try:
        opened = _keys().decrypt(content)
    except InvalidToken:
        # Its chain would show the sealed bytes.
        raise SealingError(
            "the secrets cannot be opened: they were sealed with a key that FRONTIER_CREDENTIAL_KEYS no longer names,"
            " or were changed since. Bring the key back, or type the secrets in again."
        ) from None
    values = _object(opened)
    if values is None:
        raise SealingError("the sealed secrets are not a JSON object of texts. Type them in again.")
    return Secrets(values)


def reseal(sealed: bytes | memoryview) -> bytes:
    """The same secrets under the newest key, so that an older one can be given up."""
    return seal(open_sealed(sealed))


def _object(opened: bytes) -> dict[str, str] | None:
    try:
        values = json.loads(opened)
    except ValueError:
        return None
    is_object = isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
    return values if is_object else None


def _keys() -> MultiFernet:
    keys: Sequence[str] = settings.CREDENTIAL_KEYS
    if not keys:
        raise SealingError(
            f"secrets cannot be sealed or opened without a key: FRONTIER_CREDENTIAL_KEYS is empty. {MAKE_A_KEY}"
        )
    if wrong := _unusable(keys):
        raise SealingError(f"{_named(wrong)} no Fernet key. {MAKE_A_KEY}")
    return MultiFernet([Fernet(key) for key in keys])


def _unusable(keys: Sequence[str]) -> list[int]:
    """Places, from 1, of what is no key."""
    places = []
    for place, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            places.append(place)
    return places


def _named(places: Sequence[int]) -> str:
    """Which entries are meant; they are secrets even where they are no keys."""
    if len(places) == 1:
        return f"entry {places[0]} of FRONTIER_CREDENTIAL_KEYS is"
    return f"entries {', '.join(map(str, places))} of FRONTIER_CREDENTIAL_KEYS are"


@checks.register(checks.Tags.security)
def check_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Every entry of FRONTIER_CREDENTIAL_KEYS is a key."""
    if wrong := _unusable(settings.CREDENTIAL_KEYS):
        return [checks.Error(f"{_named(wrong)} no Fernet key.", hint=MAKE_A_KEY, id="core.E001")]
    return []


@checks.register(checks.Tags.security, deploy=True)
def check_keys_are_there(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Production can seal and open credentials."""
    if settings.CREDENTIAL_KEYS:
        return []
    return [
        checks.Warning(
            "FRONTIER_CREDENTIAL_KEYS is empty: no vendor's portal can be asked.", hint=MAKE_A_KEY, id="core.W001"
        )
    ]

"""Secrets are stored sealed, opened by name, and shown nowhere."""

import json
import pickle
import traceback

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from core.errors import SealingError
from core.sealing import Secrets, check_keys, check_keys_are_there, open_sealed, reseal, seal

HUSH = {"api_key": "hush-0815", "password": 'schön " geheim\n'}


@pytest.fixture(autouse=True)
def key(settings: Settings) -> str:
    """The only key there is."""
    key = Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [key]
    return key


def test_what_was_sealed_is_opened_again() -> None:
    assert dict(open_sealed(seal(HUSH))) == HUSH
    assert dict(open_sealed(memoryview(seal(HUSH)))) == HUSH


def test_a_seal_holds_nothing_that_can_be_read() -> None:
    sealed = seal(HUSH)
    assert b"hush" not in sealed
    assert b"api_key" not in sealed


def test_two_seals_of_the_same_secrets_differ() -> None:
    assert seal(HUSH) != seal(HUSH)


def test_the_newest_key_seals_and_all_of_them_open(settings: Settings, key: str) -> None:
    old = seal(HUSH)
    newest = Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [newest, key]
    assert dict(open_sealed(old)) == HUSH
    assert json.loads(Fernet(newest).decrypt(seal(HUSH))) == HUSH


def test_resealed_secrets_outlive_the_old_key(settings: Settings, key: str) -> None:
    newest = Fernet.generate_key().decode()
    old = seal(HUSH)
    settings.CREDENTIAL_KEYS = [newest, key]
    renewed = reseal(old)
    settings.CREDENTIAL_KEYS = [newest]
    assert dict(open_sealed(renewed)) == HUSH
    with pytest.raises(SealingError, match="no longer names"):
        open_sealed(old)


def test_without_a_key_nothing_is_sealed_and_the_error_says_how_to_make_one(settings: Settings) -> None:
    sealed = seal(HUSH)
    settings.CREDENTIAL_KEYS = []
    for deed in (lambda: seal(HUSH), lambda: open_sealed(sealed)):
        with pytest.raises(SealingError, match=r"FRONTIER_CREDENTIAL_KEYS is empty.*Fernet\.generate_key") as refused:
            deed()
        assert "hush" not in str(refused.value)


def test_a_key_that_is_none_is_refused_by_its_place_and_not_shown(settings: Settings, key: str) -> None:
    settings.CREDENTIAL_KEYS = [key, "not-a-key", ""]
    with pytest.raises(SealingError, match="entries 2, 3 of FRONTIER_CREDENTIAL_KEYS are no Fernet key") as refused:
        seal(HUSH)
    assert "not-a-key" not in str(refused.value)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param(b"", "none were ever typed in", id="nothing"),
        pytest.param(b'{"api_key": "hush"}', "cannot be opened", id="plain text"),
        pytest.param(b"sealed", "cannot be opened", id="something else"),
    ],
)
def test_what_is_not_sealed_is_not_opened(there: bytes, said: str) -> None:
    with pytest.raises(SealingError, match=said):
        open_sealed(there)


def test_a_seal_that_was_changed_is_not_opened() -> None:
    sealed = bytearray(seal(HUSH))
    sealed[20] ^= 1
    with pytest.raises(SealingError, match="cannot be opened"):
        open_sealed(bytes(sealed))


@pytest.mark.parametrize("content", [b"[1]", b'{"api_key": 7}', b"\xff", b"not json"])
def test_a_seal_around_something_else_is_refused_without_showing_it(key: str, content: bytes) -> None:
    with pytest.raises(SealingError, match="not a JSON object of texts") as refused:
        open_sealed(Fernet(key).encrypt(content))
    assert "not json" not in "".join(traceback.format_exception(refused.value))


def test_secrets_show_their_names_and_never_a_value() -> None:
    secrets = open_sealed(seal(HUSH))
    assert repr(secrets) == str(secrets) == f"{secrets}" == "Secrets(api_key, password)"
    assert "hush" not in repr([secrets, {"given": secrets}])
    with pytest.raises(KeyError, match="token") as missing:
        secrets["token"]
    assert "hush" not in str(missing.value)


def test_secrets_do_not_leave_the_process() -> None:
    with pytest.raises(TypeError, match="stay in the memory"):
        pickle.dumps(Secrets(HUSH))
    with pytest.raises(TypeError):
        json.dumps({"given": Secrets(HUSH)})


def test_a_wrong_key_is_found_by_the_system_check(settings: Settings) -> None:
    assert check_keys(None) == []
    settings.CREDENTIAL_KEYS = ["not-a-key"]
    assert [message.id for message in check_keys(None)] == ["core.E001"]
    with pytest.raises(SystemCheckError, match="entry 1 of FRONTIER_CREDENTIAL_KEYS is no Fernet key"):
        call_command("check", tags=["security"])


def test_production_is_told_that_it_has_no_key(settings: Settings) -> None:
    assert check_keys_are_there(None) == []
    settings.CREDENTIAL_KEYS = []
    assert [message.id for message in check_keys_are_there(None)] == ["core.W001"]

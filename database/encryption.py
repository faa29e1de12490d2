"""Files that only the holder of a key can read, and nobody can change or shorten unseen.

    magic, salt of 16 bytes, then chunks: AES-256-GCM of up to 1 MiB of text, each 16 bytes longer than its text

Each file has a key of its own, derived from the given one and the salt (HKDF-SHA256). The nonce of a chunk is its
number, and whether it is the last: chunks cannot be swapped, repeated or left out (the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár, 2015).
"""

import base64
import binascii
import secrets
from collections.abc import Callable, Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"frontier backup, aes-256-gcm, 1\n"
SALT_BYTES = 16
CHUNK_BYTES = 1 << 20
TAG_BYTES = 16


class KeyFormatError(ValueError):
    """A key is not 32 bytes in base64."""


class DecryptionError(ValueError):
    """The file was changed, shortened, or written with another key."""


def read_key(text: str) -> bytes:
    """The key from its base64, as `openssl rand -base64 32` prints one."""
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise KeyFormatError(f"it is not base64: {error}") from error
    if len(key) != 32:
        raise KeyFormatError(f"it has {len(key)} bytes instead of 32")
    return key


def encrypted(text: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """The pieces of an encrypted file."""
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = _cipher(key, salt)
    yield MAGIC + salt
    waiting = bytearray()
    number = 0
    for piece in text:
        waiting += piece
        # What may be the last chunk is kept back until more has come.
        while len(waiting) > CHUNK_BYTES:
            yield cipher.encrypt(_nonce(number, is_last=False), bytes(waiting[:CHUNK_BYTES]), None)
            del waiting[:CHUNK_BYTES]
            number += 1
    yield cipher.encrypt(_nonce(number, is_last=True), bytes(waiting), None)


def decrypted(read: Callable[[int], bytes], key: bytes) -> Iterator[bytes]:
    """The text of an encrypted file, whose next bytes `read` gives.

    DecryptionError at the first chunk that is not as it was written.
    """
    head = read(len(MAGIC) + SALT_BYTES)
    if not head.startswith(MAGIC) or len(head) < len(MAGIC) + SALT_BYTES:
        raise DecryptionError("it is not an encrypted backup")
    cipher = _cipher(key, head[len(MAGIC) :])
    chunk = read(CHUNK_BYTES + TAG_BYTES)
    number = 0
    while True:
        following = read(CHUNK_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, is_last=not following), chunk, None)
        except InvalidTag:
            raise DecryptionError("it was changed, or FRONTIER_BACKUP_KEY is not the key it was written with") from None
        if not following:
            return
        chunk = following
        number += 1


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, MAGIC).derive(key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])

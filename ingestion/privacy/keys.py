"""The keys of pseudonyms and ciphertexts, and how one text becomes the other in Python.

Belongs here: the ring of keys, one value hashed, encrypted or decrypted. Not here:
where the keys come from (the caller passes the text of a setting), whole columns
(`replacements`, which makes the same pseudonyms in SQL).

A pseudonym is `<key id>:<32 hex digits>`, the first half of HMAC-SHA256 (RFC 2104) of
the value's UTF-8 text under the key: 128 bits, so that no two persons meet. A
ciphertext is `enc:<key id>:<base64url>` of AES-SIV (RFC 5297), which needs no random
number: equal values have equal ciphertexts, as they have equal pseudonyms, and a file
landed twice gives the same rows twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CIPHERTEXT_PREFIX: Final = "enc:"
PSEUDONYM_DIGITS: Final = 32
MIN_SECRET_CHARACTERS: Final = 32
_BLOCK_BYTES: Final = 64
_ID: Final = re.compile(r"[a-z0-9]{1,16}")


class KeyRingError(ValueError):
    """The keys cannot be used; the message never holds a secret."""


@dataclass(frozen=True, slots=True)
class PersonalKey:
    """One key: the id that stands in what it made, and its secret."""

    id: str
    secret: bytes = field(repr=False)

    def pads(self) -> tuple[bytes, bytes]:
        """Give the inner and the outer block of HMAC-SHA256."""
        secret = self.secret
        if len(secret) > _BLOCK_BYTES:
            secret = hashlib.sha256(secret).digest()
        block = secret.ljust(_BLOCK_BYTES, b"\0")
        return bytes(byte ^ 0x36 for byte in block), bytes(b ^ 0x5C for b in block)

    def pseudonym(self, value: str) -> str:
        """Give the pseudonym of a value that is `normalised`."""
        digest = hmac.new(self.secret, value.encode(), hashlib.sha256).hexdigest()
        return f"{self.id}:{digest[:PSEUDONYM_DIGITS]}"

    def cipher(self) -> AESSIV:
        """Give the cipher; its key is derived, so that no key serves two ends."""
        derive = HKDF(SHA256(), length=64, salt=None, info=b"daybreak personal data")
        return AESSIV(derive.derive(self.secret))


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys in use, the current one first.

    The current key makes what is new. The older ones are there to know again what they
    made: a value that has a pseudonym under one of them keeps it, and ciphertexts are
    read with the key that they name.
    """

    keys: tuple[PersonalKey, ...]

    @property
    def current(self) -> PersonalKey:
        """The key of everything new."""
        return self.keys[0]

    @property
    def older(self) -> tuple[PersonalKey, ...]:
        """The keys that only know again, oldest first."""
        return tuple(reversed(self.keys[1:]))

    def pseudonyms(self, value: str) -> tuple[str, ...]:
        """Give every pseudonym under which a value may stand in the lake."""
        return tuple(key.pseudonym(normalised(value)) for key in self.keys)

    def encrypt(self, value: str) -> str:
        """Give the ciphertext of a value under the current key."""
        return encrypted([value], self.current)[0]

    def decrypt(self, ciphertext: str) -> str:
        """Give back what was encrypted.

        Raises KeyRingError when the text is no ciphertext, is damaged, or was made
        with a key that the ring does not hold.
        """
        prefix, _, rest = ciphertext.partition(":")
        key_id, _, payload = rest.partition(":")
        if f"{prefix}:" != CIPHERTEXT_PREFIX or not payload:
            raise KeyRingError("this is no ciphertext: one begins with enc:<key id>:")
        key = next((key for key in self.keys if key.id == key_id), None)
        if key is None:
            raise KeyRingError(
                f"it was made with key '{key_id}', which is not among the keys given "
                f"({', '.join(key.id for key in self.keys)}): add that key behind them"
            )
        try:
            data = base64.b64decode(payload.encode(), altchars=b"-_", validate=True)
            return key.cipher().decrypt(data, None).decode()
        except (binascii.Error, InvalidTag, ValueError):
            raise KeyRingError(
                f"key '{key_id}' does not open it: the text is damaged, or the key "
                "has another secret now"
            ) from None


def normalised(value: str) -> str:
    """Give the form of a value that is hashed: e-mail addresses in lower case.

    Opaque ids differ by case; `Ann@x.com` and `ann@x.com ` are one person.
    """
    return value.strip(" ").lower() if "@" in value else value


def encrypted(values: list[str], key: PersonalKey) -> list[str]:
    """Give the ciphertexts of values, in their order."""
    cipher = key.cipher()
    prefix = f"{CIPHERTEXT_PREFIX}{key.id}:"
    return [
        prefix + base64.urlsafe_b64encode(cipher.encrypt(value.encode(), None)).decode()
        for value in values
    ]


def read_key_ring(setting: str | None) -> KeyRing | None:
    """Read `k2:<secret>,k1:<secret>`, the current key first; None when there is none.

    Ids are lower-case letters and digits; a secret has 32 characters or more and no
    comma. Raises KeyRingError, which never repeats a secret.
    """
    parts = [part.strip() for part in (setting or "").split(",")]
    if not any(parts):
        return None
    keys = []
    for position, part in enumerate(parts, start=1):
        key_id, colon, secret = part.partition(":")
        if not colon or not _ID.fullmatch(key_id) or key_id == "enc":
            raise KeyRingError(
                f"key {position} of the personal keys has no usable id: write "
                "`k1:<secret>`, the id in lower-case letters and digits"
            )
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise KeyRingError(
                f"the secret of personal key '{key_id}' is shorter than "
                f"{MIN_SECRET_CHARACTERS} characters: make one with "
                "`openssl rand -hex 32`"
            )
        keys.append(PersonalKey(key_id, secret.encode()))
    if len({key.id for key in keys}) < len(keys):
        raise KeyRingError("two personal keys have the same id: ids tell keys apart")
    return KeyRing(tuple(keys))

"""Keys: pseudonyms against Python's hmac, ciphertexts back again, clear refusals."""

from __future__ import annotations

import hashlib
import hmac

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.privacy.keys import KeyRing, KeyRingError, normalised, read_key_ring
from ingestion.privacy.replacements import bind_keys, hmac_sql, pseudonym_sql
from tests.ingestion.privacy.conftest import KEY_1, RING_1, RING_2


def ring(setting: str) -> KeyRing:
    found = read_key_ring(setting)
    assert found is not None
    return found


# Lone surrogates are no text that a file could hold.
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@settings(deadline=None, max_examples=30)
@given(TEXTS, st.sampled_from(["s" * 32, "long" * 40, "é" * 40]))
def test_hmac_in_sql_is_hmac_in_python(value: str, secret: str) -> None:
    (key,) = ring(f"k1:{secret}").keys
    with duckdb.connect() as connection:
        bind_keys(connection, ring(f"k1:{secret}"))
        found = connection.execute(
            f"select {hmac_sql('v', key)}, {pseudonym_sql('v', key)} "
            "from (select ? as v)",
            [value],
        ).fetchone()
    expected = hmac.new(secret.encode(), value.encode(), hashlib.sha256).hexdigest()
    assert found is not None
    assert found[0] == expected
    if "@" not in value:
        assert found[1] == f"k1:{expected[:32]}"


@pytest.mark.parametrize("value", ["Ann@X.com", " ann@x.COM ", "ann@x.com"])
def test_an_address_is_one_person_however_it_is_written(value: str) -> None:
    (key,) = ring(RING_1).keys
    with duckdb.connect() as connection:
        bind_keys(connection, ring(RING_1))
        sql = connection.execute(
            f"select {pseudonym_sql('v', key)} from (select ? as v)", [value]
        ).fetchone()
    digest = hmac.new(KEY_1.encode(), b"ann@x.com", hashlib.sha256).hexdigest()
    assert ring(RING_1).pseudonyms(value) == (f"k1:{digest[:32]}",)
    assert sql == (f"k1:{digest[:32]}",)
    assert normalised("Ann") == "Ann"


@given(TEXTS)
def test_what_was_encrypted_opens_again(value: str) -> None:
    sealed = ring(RING_1).encrypt(value)
    assert sealed.startswith("enc:k1:")
    assert ring(RING_1).encrypt(value) == sealed
    assert ring(RING_2).decrypt(sealed) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plain", "no ciphertext"),
        ("enc:k1:", "no ciphertext"),
        ("enc:k9:AAAA", "key 'k9'"),
        ("enc:k1:AAAA", "does not open it"),
        ("enc:k1:*", "does not open it"),
    ],
)
def test_what_cannot_be_opened_says_why(text: str, message: str) -> None:
    with pytest.raises(KeyRingError, match=message):
        ring(RING_1).decrypt(text)


def test_a_damaged_ciphertext_and_another_secret_do_not_open() -> None:
    sealed = ring(RING_1).encrypt("ann@x.com")
    swapped = "A" if sealed[-8] != "A" else "B"
    for text, keys in (
        (sealed[:-8] + swapped + sealed[-7:], RING_1),
        (sealed, f"k1:{'z' * 40}"),
    ):
        with pytest.raises(KeyRingError, match="does not open it"):
            ring(keys).decrypt(text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("k1:short", "shorter than 32"),
        ("secret-without-an-id-" * 3, "no usable id"),
        (f"K1:{'s' * 40}", "no usable id"),
        (f"enc:{'s' * 40}", "no usable id"),
        (f"k1:{'s' * 40},k1:{'t' * 40}", "same id"),
        (f"k1:{'s' * 40},", "no usable id"),
    ],
)
def test_unusable_keys_are_refused_without_telling_them(
    setting: str, message: str
) -> None:
    with pytest.raises(KeyRingError, match=message) as refused:
        read_key_ring(setting)
    assert "ssss" not in str(refused.value)
    assert "secret-without" not in str(refused.value)


@pytest.mark.parametrize("setting", [None, "", "  "])
def test_no_keys(setting: str | None) -> None:
    assert read_key_ring(setting) is None


def test_a_key_does_not_show_its_secret() -> None:
    assert KEY_1 not in repr(ring(RING_2))
    assert KEY_1 not in repr(ring(RING_2).current)

"""What holds of encryption without a download; when it changes, so must the README."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def offline() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )


def test_duckdb_writes_no_encrypted_parquet_as_installed(
    offline: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    offline.execute(f"pragma add_parquet_key('key', '{KEY}')")
    with pytest.raises(duckdb.Error, match="read-only crypto module"):
        offline.execute(
            f"copy (select 1 as x) to '{tmp_path / 'a.parquet'}' "
            "(format parquet, encryption_config {footer_key: 'key'})"
        )


def test_duckdb_writes_no_encrypted_database_as_installed(
    offline: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(duckdb.Error, match="read-only crypto module"):
        offline.execute(
            f"attach '{tmp_path / 'a.duckdb'}' as apart (encryption_key '{KEY}')"
        )


def test_the_cipher_that_duckdb_calls_unsafe_writes_and_the_usual_one_reads(
    offline: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    parquet, database = tmp_path / "a.parquet", tmp_path / "a.duckdb"
    with duckdb.connect() as unsafe:
        unsafe.execute("set force_mbedtls_unsafe = true")
        unsafe.execute(f"pragma add_parquet_key('key', '{KEY}')")
        unsafe.execute(
            f"copy (select 1 as x) to '{parquet}' "
            "(format parquet, encryption_config {footer_key: 'key'})"
        )
        unsafe.execute(f"attach '{database}' as apart (encryption_key '{KEY}')")
        unsafe.execute("create table apart.t as select 2 as x")
    offline.execute(f"pragma add_parquet_key('key', '{KEY}')")
    offline.execute(f"attach '{database}' as apart (encryption_key '{KEY}', read_only)")
    assert offline.execute(
        f"select x from read_parquet('{parquet}', encryption_config = "
        "{footer_key: 'key'}) union all select x from apart.t order by 1"
    ).fetchall() == [(1,), (2,)]

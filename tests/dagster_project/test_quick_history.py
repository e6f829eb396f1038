"""Dagster's history without a sync an event: everything is there, nothing stays."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from sqlalchemy.pool import NullPool

from dagster_project.nightly.quick_history import quick_history


def write(path: Path, number: int) -> int:
    """Write a row on a connection of its own, as Dagster does; return `synchronous`."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("pragma journal_mode = wal"))
        connection.execute(sqlalchemy.text("create table if not exists t (n int)"))
        connection.execute(sqlalchemy.text(f"insert into t values ({number})"))
        found = connection.execute(sqlalchemy.text("pragma synchronous")).scalar()
    return int(str(found))


def count(path: Path) -> int:
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("select count(*) from t")).scalar()
    return int(str(found))


def test_nothing_is_lost_and_the_log_file_is_folded_in_at_the_end(
    tmp_path: Path,
) -> None:
    path, wal = tmp_path / "runs.db", tmp_path / "runs.db-wal"
    with quick_history():
        levels = {write(path, number) for number in range(50)}
        assert wal.exists(), "kept open: no checkpoint for each event"
    assert levels == {1}
    assert count(path) == 50
    assert not wal.exists()


def test_outside_the_block_sqlite_is_as_it_was(tmp_path: Path) -> None:
    with quick_history():
        write(tmp_path / "a.db", 1)
    assert write(tmp_path / "a.db", 2) == 2

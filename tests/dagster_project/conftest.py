"""Homes for the tests of the floor, apart from the one a person works in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest


@pytest.fixture(scope="session")
def home_of_definitions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the home for which definitions are made when they are first imported."""
    return tmp_path_factory.mktemp("home-of-definitions")


@pytest.fixture(autouse=True)
def untouched_environment(home_of_definitions: Path) -> Iterator[None]:
    """Keep the home a person works in, and other tests, out of it."""
    before = dict(os.environ)
    os.environ["DAYBREAK_HOME"] = str(home_of_definitions)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home, and make it the one of the environment."""
    for name in [name for name in os.environ if name.startswith("DAYBREAK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def warehouse_file(tmp_path: Path) -> Path:
    """Give a small warehouse: two published schemas, one private, and a view."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute("create schema intermediate")
        connection.execute("create schema trust")
        connection.execute(
            "create table intermediate.int_orders as "
            "select range as order_id, range % 7 as amount from range(1000)"
        )
        connection.execute(
            "create view marts.fct_orders as select * from intermediate.int_orders"
        )
        connection.execute("create table marts.dim_days as select 1 as day_number")
        connection.execute("create table trust.freshness as select 'app' as source")
    return path

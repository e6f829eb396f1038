"""A home whose catalog declares personal data, and the search of every byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ingestion.catalog.models import EventsFile
from ingestion.privacy.keys import read_key_ring
from ingestion.privacy.plan import PrivacyPlan, privacy_plan
from tests.ingestion.landing_home import Home, new_home

KEY_1 = "first-secret-of-forty-characters-in-all."
KEY_2 = "second-secret-of-forty-characters-in-al."
RING_1 = f"k1:{KEY_1}"
RING_2 = f"k2:{KEY_2},k1:{KEY_1}"


def plan_of(declared: str, keys: str | None = RING_1) -> PrivacyPlan:
    """Give the plan of an events.yml."""
    read = YAML(typ="safe").load(declared) or {}
    return privacy_plan(EventsFile.model_validate(read), read_key_ring(keys))


def with_plan(home: Home, declared: str, keys: str | None = RING_1) -> Home:
    """Give the home with another plan."""
    return home.with_options(privacy=plan_of(declared, keys))


def files_with(folder: Path, values: Iterable[str]) -> list[tuple[str, str]]:
    """Give the values that stand in files of a folder, looking at plain bytes.

    Parquet compresses its pages: its rows are read as text, and its footers, which
    repeat the least and greatest values, as bytes.
    """
    import duckdb

    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            with duckdb.connect() as connection:
                rows = connection.execute(
                    "select to_json(t)::varchar from read_parquet(?, "
                    "hive_partitioning = false) as t",
                    [str(path)],
                ).fetchall()
            content += "\n".join(row[0] for row in rows).encode()
        found += [
            (str(path.relative_to(folder)), value)
            for value in values
            if value.encode() in content
        ]
    return found


@pytest.fixture
def private_home(tmp_path: Path) -> Callable[..., Home]:
    """Give a maker of homes: from a declared plan and keys."""

    def make(declared: str, keys: str | None = RING_1) -> Home:
        return with_plan(new_home(tmp_path), declared, keys)

    return make

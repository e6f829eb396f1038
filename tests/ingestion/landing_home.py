"""A home of its own for every landing test: write files, land, look at the lake."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from ruamel.yaml import YAML

from ingestion.catalog.models import SourcesFile, SourceSpec
from ingestion.landing import FileReport, LandingOptions, LandingResult, land
from ingestion.quarantine import reconcile

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


def event(i: int = 0, **fields: Any) -> dict[str, Any]:
    """Give a good native event."""
    return {
        "event_id": f"e{i}",
        "event_name": "page_viewed",
        "occurred_at": "2024-05-01T10:00:00Z",
        "user_id": "u1",
    } | fields


def lines(rows: Iterable[object]) -> bytes:
    """Give JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def sources_of(text: str) -> list[SourceSpec]:
    """Read the list of a sources.yml."""
    return list(SourcesFile.model_validate(YAML(typ="safe").load(text)).sources)


@dataclass(frozen=True)
class Home:
    """A landing folder and a lake; options of this home can be replaced."""

    root: Path
    options: LandingOptions
    sources: Sequence[SourceSpec] = field(default_factory=list)

    @property
    def lake(self) -> Path:
        return self.options.lake_dir

    def path(self, name: str) -> Path:
        path = self.options.landing_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: bytes | Iterable[object]) -> Path:
        path = self.path(name)
        data = content if isinstance(content, bytes) else lines(content)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    def with_options(self, **changes: Any) -> Home:
        return replace(self, options=replace(self.options, **changes))

    def land(self) -> LandingResult:
        """Land, and hold the books against the lake."""
        result = land(self.options, self.sources)
        self.check_books()
        return result

    def check_books(self) -> None:
        account = reconcile(self.lake)
        assert account.is_balanced, account
        landed = self.query("select count(*) from events")[0][0]
        assert landed == account.landed
        assert not list((self.lake / ".incoming").glob("*"))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the lake's `events` and `quarantine` as readers see them."""
        with duckdb.connect() as connection:
            for name, glob in (
                ("events", "events/load=*/date=*/*.parquet"),
                ("quarantine", "quarantine/load=*/*.parquet"),
            ):
                connection.execute(
                    f"create view {name} as select * from read_parquet("
                    f"'{self.lake / glob}', hive_partitioning = {name == 'events'}, "
                    "union_by_name = false)"
                )
            return connection.execute(sql).fetchall()

    def refused(self) -> list[tuple[str, int | None, str]]:
        """Give file, line and reason of every open row."""
        return self.query(
            "select file, line_number, reason_code from quarantine order by all"
        )


def report_of(result: LandingResult, path: str) -> FileReport:
    """Give the one report of a file."""
    (found,) = [report for report in result.files if report.path == path]
    return found


def new_home(root: Path) -> Home:
    """Give a home below a folder."""
    landing = root / "landing"
    landing.mkdir(parents=True)
    options = LandingOptions(
        landing, root / "lake", NOW, settle_seconds=0, memory_limit="1GB"
    )
    return Home(root, options)

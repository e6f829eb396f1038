"""A home with declared origins: fetch, land, and look at what is in the lake."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingestion.landing import LandingResult, land
from ingestion.origins.fetching import fetch
from ingestion.origins.ledger import ORIGIN_FOLDER
from ingestion.origins.models import FetchOptions, OriginReport
from ingestion.quarantine import reconcile
from tests.ingestion.landing_home import NOW, Home, sources_of

SECRETS = {"BUCKET_KEY": "key", "BUCKET_SECRET": "secret"}


@dataclass
class FetchingHome:
    """A home whose sources are fetched; a night later with every fetch."""

    home: Home
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    nights: int = 0

    def declare(self, text: str) -> None:
        self.home = replace(self.home, sources=sources_of(text))

    @property
    def now(self) -> datetime:
        return NOW + timedelta(days=self.nights)

    def fetch(self, **options: Any) -> OriginReport:
        """Fetch from the one declared origin."""
        self.nights += 1
        found = FetchOptions(
            self.home.options.landing_dir,
            self.now,
            self.secrets,
            **{"pause_seconds": 0.0, "connect_seconds": 5, **options},
        )
        (report,) = fetch(found, self.home.sources).origins
        return report

    def land(self) -> LandingResult:
        options = replace(self.home.options, now=self.now)
        result = land(options, self.home.sources)
        assert not result.failed_files, result.failed_files
        assert reconcile(options.lake_dir).is_balanced
        return result

    def folder(self, source: str) -> Path:
        return self.home.options.landing_dir / source

    def files(self, source: str) -> dict[str, bytes]:
        """Give the files in a source's folder, those of the ledger left out."""
        folder = self.folder(source)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and ORIGIN_FOLDER not in path.parts
        }

    def staged(self, source: str) -> list[Path]:
        return sorted((self.folder(source) / ORIGIN_FOLDER / "staging").iterdir())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Query `landed`, all rows of all tables of the lake, by name."""
        with duckdb.connect() as connection:
            for table in ("events", "payments", "persons"):
                connection.execute(
                    f"create view {table} as from read_parquet("
                    f"'{self.home.lake}/{table}/load=*/date=*/*.parquet')"
                )
            return connection.execute(sql).fetchall()

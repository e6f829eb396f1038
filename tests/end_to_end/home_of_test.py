"""A home of its own for an end-to-end test, and the CLI as a person uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class HomeOfTest:
    """A `DAYBREAK_HOME` in a temporary folder."""

    path: Path
    catalog: Path | None = None

    @property
    def landing(self) -> Path:
        return self.path / "landing"

    @property
    def lake(self) -> Path:
        return self.path / "lake"

    @property
    def published(self) -> Path:
        return self.path / "published" / "daybreak.duckdb"

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a command in this home."""
        clean = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("DAYBREAK_", "DBT_"))
        }
        # Without byte code every command compiles its libraries anew, for 10 s.
        clean.pop("PYTHONDONTWRITEBYTECODE", None)
        clean |= {
            "DAYBREAK_HOME": str(self.path),
            "DAYBREAK_SETTLE_SECONDS": "0",
            "PYTHONPATH": str(CHECKOUT),
            "COLUMNS": "160",
        }
        if self.catalog is not None:
            clean["DAYBREAK_CATALOG"] = str(self.catalog)
        return clean | settings

    def daybreak(
        self, *arguments: str, expect: int = 0, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; fails the test on another exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "dagster_project", *arguments],
            cwd=CHECKOUT,
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == expect, f"{done.stdout}\n{done.stderr}"
        return done

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read the published copy, as BI does."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        """Read one value of the published copy."""
        [(value,)] = self.rows(query)
        return value

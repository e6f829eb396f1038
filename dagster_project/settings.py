"""Every setting of Daybreak, and every path under its home.

The only module that reads or writes environment variables. What belongs to the
product (metrics, funnels, targets) is declared in the catalog, not here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent
DBT_PROJECT = CHECKOUT / "dbt_project"

Weekday = Literal[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
]


def _absolute(path: Path) -> Path:
    return path.expanduser().resolve()


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class Settings(BaseSettings):
    """What a deployment may choose, read from `DAYBREAK_*` environment variables."""

    model_config = SettingsConfigDict(
        env_prefix="DAYBREAK_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: AbsolutePath = Field(
        default=CHECKOUT / ".daybreak",
        description="Folder that holds everything Daybreak writes, "
        "and the `landing/` folder it reads.",
    )
    catalog: AbsolutePath = Field(
        default=DBT_PROJECT / "catalog",
        description="Folder of the product's catalog "
        "(`events.yml`, `metrics.yml`, `sources.yml`).",
    )
    product_name: str = Field(
        default="Daybreak demo",
        min_length=1,
        description="Name of the product, as the report shows it.",
    )
    reporting_timezone: str = Field(
        default="UTC",
        description="IANA time zone in which days, weeks and months are cut.",
    )
    week_start: Weekday = Field(default="monday", description="First day of a week.")
    as_of: datetime | None = Field(
        default=None,
        description="Figures are computed as if it were this instant (ISO 8601; "
        "without an offset: in the reporting time zone). "
        "Unset: up to the newest event.",
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 2,
        ge=1,
        le=256,
        description="Threads that DuckDB and dbt use. Default: one for each core.",
    )
    memory_limit: str = Field(
        default="3GB",
        pattern=r"^\d+(\.\d+)?\s?(MB|GB|TB|MiB|GiB|TiB)$",
        description="Memory that DuckDB may hold before it spills to disk.",
    )
    settle_seconds: float = Field(
        default=2.0,
        ge=0,
        description="A file in landing is read once it has not changed "
        "for this many seconds.",
    )
    max_line_bytes: int = Field(
        default=16_777_216,
        ge=1_024,
        description="A longer line of input goes to quarantine.",
    )
    empty_days: Literal["warn", "fail"] = Field(
        default="fail",
        description="What a day without a single event does when others followed it: "
        "`fail` stops the night, `warn` suits a shop that closes on holidays.",
    )
    schedule_hour: int = Field(
        default=3,
        ge=0,
        le=23,
        description="Hour of the nightly schedule, in the reporting time zone.",
    )
    landing_poll_seconds: int = Field(
        default=60,
        ge=10,
        description="How often the sensor looks for newly landed files "
        "(the sensor is off until switched on in the UI).",
    )
    personal_keys: SecretStr | None = Field(
        default=None,
        description="Keys of pseudonyms and encrypted values, the current one first: "
        "`k2:<secret>,k1:<secret>`; a secret has 32 characters or more "
        "(`openssl rand -hex 32`). Needed once events.yml declares personal data; keep "
        "old keys as long as what they made.",
    )
    ui_port: int = Field(
        default=3000, ge=1, le=65_535, description="Port of `daybreak ui`."
    )

    raw_retention: str = Field(
        default="",
        description="How many days `daybreak retain` keeps raw data, by table, such as "
        "`events=400,quarantine=30,landing=60`. A table that is not named is kept.",
    )
    postgres_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL database that every published night is copied to, such "
        "as `postgresql://daybreak@db/analytics`. Unset: none.",
    )
    postgres_analyst_role: str = Field(
        default="analyst",
        min_length=1,
        description="Role on PostgreSQL that reads aggregates.",
    )
    postgres_steward_role: str = Field(
        default="steward",
        min_length=1,
        description="Role on PostgreSQL that reads tables about persons too.",
    )
    erasure_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret by which erased persons are remembered (a keyed hash of "
        "their ids, nothing else), so that a file sent again does not bring them back. "
        "Never change it.",
    )

    @field_validator("reporting_timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(
                f"{value!r} is not an IANA time zone; write for example Europe/Berlin"
            )
        return value

    def secrets(self, names: Iterable[str]) -> dict[str, str]:
        """Return the values of the variables that declarations name, if set."""
        return {name: os.environ[name] for name in names if os.environ.get(name)}

    @property
    def timezone(self) -> ZoneInfo:
        """The reporting time zone."""
        return ZoneInfo(self.reporting_timezone)

    def as_instant(self, moment: datetime) -> datetime:
        """Give a moment without an offset the reporting time zone."""
        return moment if moment.tzinfo else moment.replace(tzinfo=self.timezone)

    def midnight(self, moment: datetime) -> datetime:
        """Return the start of the local day that `moment` falls into."""
        local = moment.astimezone(self.timezone)
        return datetime.combine(local.date(), time(), tzinfo=self.timezone)

    @property
    def landing(self) -> Path:
        """Raw files; the first folder below names the source."""
        return self.home / "landing"

    @property
    def lake(self) -> Path:
        """Facts as Parquet: the only state that matters."""
        return self.home / "lake"

    @property
    def compiled_catalog(self) -> Path:
        """The compiled catalog, which dbt reads as a source."""
        return self.lake / "catalog"

    @property
    def ledger(self) -> Path:
        """Facts that runs produce: forecasts, check results, run health."""
        return self.lake / "ledger"

    @property
    def warehouse_path(self) -> Path:
        """The database dbt builds; can be deleted and rebuilt."""
        return self.home / "warehouse" / "warehouse.duckdb"

    @property
    def scratch(self) -> Path:
        """Where DuckDB spills what does not fit in memory."""
        return self.home / "warehouse" / "scratch"

    @property
    def published(self) -> Path:
        """Folder of the copy that BI reads and of its status file."""
        return self.home / "published"

    @property
    def published_database(self) -> Path:
        """The read-only copy for BI."""
        return self.published / "daybreak.duckdb"

    @property
    def reports(self) -> Path:
        """Rendered reports."""
        return self.home / "reports"

    @property
    def erasures(self) -> Path:
        """Certificates of erased persons."""
        return self.home / "erasures"

    @property
    def logs(self) -> Path:
        """One log file for each run."""
        return self.home / "logs"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own history of runs."""
        return self.home / "dagster"

    @property
    def dbt_target(self) -> Path:
        """Artifacts of dbt: manifest, compiled SQL."""
        return self.home / "dbt" / "target"

    @property
    def dbt_logs(self) -> Path:
        """Logs of dbt."""
        return self.home / "dbt" / "logs"

    @property
    def manifest(self) -> Path:
        """The manifest of the dbt project."""
        return self.dbt_target / "manifest.json"

    @property
    def run_lock(self) -> Path:
        """Lock file: one run at a time in a home."""
        return self.home / "run.lock"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that Dagster, dbt and GX need.

        Nothing here sends usage figures anywhere.
        """
        return {
            "DAYBREAK_HOME": str(self.home),
            "DAYBREAK_WAREHOUSE_PATH": str(self.warehouse_path),
            "DAYBREAK_LAKE_PATH": str(self.lake),
            "DAYBREAK_SCRATCH_PATH": str(self.scratch),
            "DAYBREAK_THREADS": str(self.threads),
            "DAYBREAK_MEMORY_LIMIT": self.memory_limit,
            "DAGSTER_HOME": str(self.dagster_home),
            "DBT_PROJECT_DIR": str(DBT_PROJECT),
            "DBT_PROFILES_DIR": str(DBT_PROJECT),
            "DBT_TARGET_PATH": str(self.dbt_target),
            "DBT_LOG_PATH": str(self.dbt_logs),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
            "GX_ANALYTICS_ENABLED": "false",
        }

    def apply_environment(self) -> None:
        """Set up the home and this process (and its children) to work in it.

        Creates the folders (those that hold single persons' rows closed to users
        outside the group), writes `dagster.yaml` where absent or outdated and sets the
        environment variables of `environment()`.
        """
        for folder in (
            *(self.landing, self.lake, self.warehouse_path.parent, self.logs),
            *(self.dbt_target, self.dbt_logs, self.dagster_home, self.erasures),
        ):
            folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
        for folder in (self.published, self.reports):
            folder.mkdir(parents=True, exist_ok=True)
        _write_if_changed(self.dagster_home / "dagster.yaml", DAGSTER_YAML)
        os.environ.update(self.environment())


# Of folders that Daybreak makes; what somebody else made stays as it is.
PRIVATE_MODE = 0o750

# No pools: a killed run keeps its slot until a daemon frees it, and every later run
# from the terminal would wait for ever. `run.lock` keeps runs apart instead, and dies
# with its process. Run monitoring ends killed runs in the daemon's queue.
DAGSTER_YAML = """\
# Written by Daybreak (dagster_project/settings.py); edits are overwritten.
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  poll_interval_seconds: 10
  free_slots_after_run_end_seconds: 20
concurrency:
  runs:
    max_concurrent_runs: 1
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 7
      failure: 30
      success: 90
"""


def _write_if_changed(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    aside = path.with_suffix(".tmp")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def settings_table() -> str:
    """Return the Markdown table of all settings, for the README."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(
            f"| `DAYBREAK_{name.upper()}` | {_shown_default(field)} "
            f"| {field.description} |"
        )
    return "\n".join(lines) + "\n"


def _shown_default(field: Any) -> str:
    if field.default_factory is not None:
        return "number of cores"
    if field.default is None:
        return "unset"
    if isinstance(field.default, Path):
        return f"`{field.default.relative_to(CHECKOUT).as_posix()}`"
    return f"`{field.default}`"

"""What assets are given: settings, warehouse, ledger, dbt, the run lock, the logger."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project.dbt_build import DbtBuilder
from dagster_project.ledger import Ledger
from dagster_project.night_log import NIGHT
from dagster_project.run_lock import hold_run_lock
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse_of


@dg.resource(
    required_resource_keys={"settings"},
    description="Held for the length of a run: DuckDB admits one writer.",
)
def run_lock(context: dg.InitResourceContext) -> Iterator[None]:
    """Wait for the lock of the home; the CLI holds it already for its own run."""
    settings: Settings = context.resources.settings
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    who = f"Dagster run {context.run.run_id}" if context.run else "Dagster"
    with hold_run_lock(settings.run_lock, who, since, wait=True):
        yield


def _night(_context: dg.InitLoggerContext) -> logging.Logger:
    return NIGHT


night_logger = dg.LoggerDefinition(
    _night, description="The night as the CLI shows it and its log file keeps it."
)


def resources_of(settings: Settings) -> dict[str, Any]:
    """Return the resources of all assets, by name."""
    return {
        "settings": settings,
        "warehouse": warehouse_of(settings),
        "ledger": Ledger(settings.ledger),
        "dbt": DbtBuilder(settings),
        "run_lock": run_lock,
    }

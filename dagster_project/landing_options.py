"""How a home lands files: the settings in the words of the ingestion wing."""

from __future__ import annotations

from datetime import datetime

from dagster_project.settings import Settings
from ingestion.landing import LandingOptions


def landing_options(settings: Settings, now: datetime) -> LandingOptions:
    """Return the options of a landing at `now` (an instant with a zone)."""
    return LandingOptions(
        landing_dir=settings.landing,
        lake_dir=settings.lake,
        now=now,
        settle_seconds=settings.settle_seconds,
        max_line_bytes=settings.max_line_bytes,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )

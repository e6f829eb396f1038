"""How a home fetches from origins: the settings in the words of the ingestion wing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from dagster_project.settings import Settings
from ingestion.catalog.models import SourceSpec
from ingestion.origins.models import FetchOptions, FetchProgress


def fetch_options(
    settings: Settings,
    now: datetime,
    sources: Sequence[SourceSpec],
    on_progress: Callable[[FetchProgress], None] | None = None,
) -> FetchOptions:
    """Return the options of a fetch at `now` (an instant with a zone).

    Only the variables that the sources' origins name are read from the environment.
    """
    named = [
        variable
        for source in sources
        if source.origin is not None
        for variable in source.origin.variables
    ]
    return FetchOptions(
        landing_dir=settings.landing,
        now=now,
        secrets=settings.secrets(named),
        on_progress=on_progress,
    )

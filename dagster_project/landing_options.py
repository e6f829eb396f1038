"""How a home lands files: the settings in the words of the ingestion wing."""

from __future__ import annotations

from datetime import datetime

from dagster_project.settings import Settings
from ingestion.catalog import Catalog
from ingestion.landing import LandingOptions
from ingestion.privacy.keys import KeyRing, read_key_ring
from ingestion.privacy.plan import privacy_plan
from ingestion.tracking_plan import plan_of


def erasure_key(settings: Settings) -> bytes | None:
    """Return the key by which erased persons are remembered."""
    key = settings.erasure_key
    return key.get_secret_value().encode() if key else None


def landing_options(
    settings: Settings, now: datetime, catalog: Catalog
) -> LandingOptions:
    """Return the options of a landing at `now` (an instant with a zone).

    Raises KeyRingError when personal data is declared and its keys are not usable.
    """
    return LandingOptions(
        landing_dir=settings.landing,
        lake_dir=settings.lake,
        now=now,
        settle_seconds=settings.settle_seconds,
        max_line_bytes=settings.max_line_bytes,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        plan=plan_of(catalog.events),
        privacy=privacy_plan(catalog.events, personal_keys(settings)),
        erasure_key=erasure_key(settings),
    )


def personal_keys(settings: Settings) -> KeyRing | None:
    """Return the keys of personal data, None when there are none.

    Raises KeyRingError, which repeats no secret, when they cannot be read.
    """
    secret = settings.personal_keys
    return read_key_ring(secret.get_secret_value() if secret else None)

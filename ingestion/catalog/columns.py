"""Which columns of an event an expression may name, and their DuckDB types.

The catalog's view of the canonical event: the landed columns that a declaration may
read, the ones derived later, and the ones a table mapping may fill. What the columns
mean and how they are landed is `ingestion/events.py`.
"""

from __future__ import annotations

from typing import Final

_TEXT_COLUMNS: Final = (
    *("platform", "app_version", "page", "referrer", "utm_source", "utm_medium"),
    *("utm_campaign", "country", "region", "city", "device_type", "os", "browser"),
)

# What a table mapping may fill under `columns`; ids, names and times have keys of
# their own.
MAPPED_COLUMNS: Final[dict[str, str]] = {
    "category": "VARCHAR",
    "user_id": "VARCHAR",
    "anonymous_id": "VARCHAR",
    "vendor_session_id": "VARCHAR",
    **dict.fromkeys(_TEXT_COLUMNS, "VARCHAR"),
    "revenue": "DECIMAL(18,6)",
    "currency": "VARCHAR",
    "value": "DECIMAL(18,6)",
}

# What an event carries when it lands: traffic rules see these.
LANDED_COLUMNS: Final[dict[str, str]] = {
    "event_id": "VARCHAR",
    "event_name": "VARCHAR",
    "occurred_at": "TIMESTAMP",
    "received_at": "TIMESTAMP",
    **MAPPED_COLUMNS,
    "properties": "VARCHAR",
    "source": "VARCHAR",
    "load_id": "VARCHAR",
}

# What metrics see: the landed columns and those derived from them.
EVENT_COLUMNS: Final[dict[str, str]] = {
    **LANDED_COLUMNS,
    "person_id": "VARCHAR",
    "event_date": "DATE",
}

# Different in (nearly) every event, so that a breakdown by them is a copy of the
# events.
NEVER_DIMENSIONS: Final = frozenset(
    {"event_id", "occurred_at", "received_at", "properties"}
)

# What a channel may be told from: a session, by its first known values.
SESSION_COLUMNS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            *("channel", "landing_page", "exit_page", "referrer", "utm_source"),
            *("utm_medium", "utm_campaign", "platform", "app_version", "country"),
            "device_type",
        ),
        "VARCHAR",
    ),
    "started_at": "TIMESTAMP",
    "event_count": "BIGINT",
    "page_view_count": "BIGINT",
    "duration_seconds": "DOUBLE",
}

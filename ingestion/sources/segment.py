"""Segment: calls of the Segment spec, as its S3 and webhook destinations write them.

Belongs here: Segment's libraries and keys. Not here: what the calls mean (`calls`).

Schema: https://segment.com/docs/connections/spec/common/ and the pages of each call
beside it; rows of warehouse tables:
https://segment.com/docs/connections/storage/warehouses/schema/. A row of `identifies`
has its traits as columns of their own, which stay plain properties.

Segment sends no session and no browser; `context.device.type` of its mobile libraries
says `ios` or `android`, which is the platform. Device, system and browser are then in
the user agent, which lands as `user_agent`.
"""

from __future__ import annotations

from typing import Final

from ingestion.sources import calls
from ingestion.sources.call_layout import Dialect, known_keys
from ingestion.sources.event_sql import EventSql
from ingestion.sources.shapes import Shapes

KNOWN_KEYS: Final = known_keys()

_DIALECT: Final = Dialect(
    libraries={
        "analytics.js": "web",
        "analytics-next": "web",
        "analytics-ios": "ios",
        "analytics-swift": "ios",
        "analytics-android": "android",
        "analytics-kotlin": "android",
        "react-native": "mobile",
        "flutter": "mobile",
        "analytics-node": "server",
        "analytics-python": "server",
        "analytics-ruby": "server",
        "analytics-java": "server",
        "analytics-go": "server",
        "analytics-php": "server",
        "analytics.net": "server",
    },
    context_paths={},
)


def event_sql(shapes: Shapes) -> EventSql:
    """Say how Segment's calls with these keys become events."""
    return calls.event_sql(shapes, _DIALECT)

"""RudderStack: calls of the Segment spec with RudderStack's own additions.

Belongs here: RudderStack's libraries, sessions and places. Not here: what the calls
mean (`calls`).

Schema: https://www.rudderstack.com/docs/event-spec/standard-events/common-fields/; rows
of warehouse tables in snake_case:
https://www.rudderstack.com/docs/destinations/warehouse-destinations/warehouse-schema/.

Beyond the spec: `context.sessionId` is the session that the library cut; the person's
traits travel in `context.traits`; the geolocation enrichment writes `context.geo`. The
JavaScript library describes itself in `context.app`, which is no version of the app.
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
        "rudderlabs javascript sdk": "web",
        "rudder-ios": "ios",
        "rudder-swift": "ios",
        "rudderstack.ios": "ios",
        "rudderstack.android": "android",
        "rudder-android": "android",
        "rudderstack.kotlin": "android",
        "react-native": "mobile",
        "reactnative": "mobile",
        "flutter": "mobile",
        "node": "server",
        "python": "server",
        "ruby": "server",
        "java": "server",
        "analytics-go": "server",
        "php": "server",
        ".net": "server",
    },
    context_paths={
        "country": "$.geo.country",
        "region": "$.geo.region",
        "city": "$.geo.city",
    },
    sdk_namespaces=("com.rudderlabs.javascript",),
    no_referrers=("$direct",),
)


def event_sql(shapes: Shapes) -> EventSql:
    """Say how RudderStack's calls with these keys become events."""
    return calls.event_sql(shapes, _DIALECT)

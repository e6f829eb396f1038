"""The canonical event: its columns, and the names under which clients send them.

Belongs here: column names, types and meanings of `lake/events`, the aliases a native
client may use, and the texts that are no identity. Not here: how a column is read
from a line (`sources/`), or what a declaration may name (`catalog/columns`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class EventColumn:
    """One column of the lake: its name, its DuckDB type and its meaning."""

    name: str
    type: str
    meaning: str


EVENT_COLUMNS: Final[tuple[EventColumn, ...]] = (
    EventColumn("event_id", "VARCHAR", "Key of the event; a content hash if none."),
    EventColumn("event_name", "VARCHAR", "What happened."),
    EventColumn("category", "VARCHAR", "The area of the product it belongs to."),
    EventColumn("occurred_at", "TIMESTAMP", "When it happened (UTC)."),
    EventColumn("received_at", "TIMESTAMP", "When a server first saw it (UTC)."),
    EventColumn("user_id", "VARCHAR", "The known user; null when not logged in."),
    EventColumn("anonymous_id", "VARCHAR", "The device or browser."),
    EventColumn("vendor_session_id", "VARCHAR", "The session as the client cut it."),
    EventColumn("platform", "VARCHAR", "web, ios, android, server, ..."),
    EventColumn("app_version", "VARCHAR", "Version of the client."),
    EventColumn("page", "VARCHAR", "Path or address of the page."),
    EventColumn("referrer", "VARCHAR", "Where the visit came from."),
    EventColumn("utm_source", "VARCHAR", "Campaign source."),
    EventColumn("utm_medium", "VARCHAR", "Campaign medium."),
    EventColumn("utm_campaign", "VARCHAR", "Campaign name."),
    EventColumn("country", "VARCHAR", "Country, as sent."),
    EventColumn("region", "VARCHAR", "Region, as sent."),
    EventColumn("city", "VARCHAR", "City, as sent."),
    EventColumn("device_type", "VARCHAR", "desktop, mobile, tablet, ..."),
    EventColumn("os", "VARCHAR", "Operating system."),
    EventColumn("browser", "VARCHAR", "Browser."),
    EventColumn("revenue", "DECIMAL(18,6)", "Money, negative for refunds."),
    EventColumn("currency", "VARCHAR", "Currency of `revenue`."),
    EventColumn("value", "DECIMAL(18,6)", "A number the event measures."),
    EventColumn("properties", "VARCHAR", "JSON object text of all other fields."),
    EventColumn("source", "VARCHAR", "The landing folder it came from."),
    EventColumn("load_id", "VARCHAR", "The load that landed it."),
)

# Columns copied as text, without any rule of their own.
TEXT_COLUMNS: Final = (
    *("category", "platform", "app_version", "page", "referrer", "utm_source"),
    *("utm_medium", "utm_campaign", "country", "region", "city", "device_type"),
    *("os", "browser", "currency"),
)
ID_COLUMNS: Final = ("user_id", "anonymous_id", "vendor_session_id")
AMOUNT_COLUMNS: Final = ("revenue", "value")

# Texts that clients send where they have no id.
NO_IDENTITY: Final = (
    *("", "null", "undefined", "NULL", "Null", "UNDEFINED", "None", "none", "nil"),
)

# More than this is a unit error or a test, whatever the currency.
MAX_REVENUE: Final = 1_000_000_000

# Top-level names of a native event, best first. The first that an event carries
# fills the column; others it carries too stay in its properties. A bare `id` is not
# among them: it is as often a row's or a person's, and an id that is not the event's
# own would make two events one.
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "event_id": (
        *("event_id", "eventId", "insert_id", "insertId", "$insert_id"),
        *("message_id", "messageId", "uuid"),
    ),
    "event_name": (
        *("event_name", "eventName", "event", "event_type", "eventType"),
        *("name", "action", "type"),
    ),
    "category": ("category", "event_category", "eventCategory"),
    "occurred_at": (
        *("occurred_at", "occurredAt", "timestamp", "event_timestamp"),
        *("eventTimestamp", "event_time", "eventTime", "ts", "time"),
        *("created_at", "createdAt", "client_timestamp", "clientTimestamp"),
    ),
    "received_at": (
        *("received_at", "receivedAt", "server_received_at", "server_timestamp"),
        *("serverTimestamp", "ingested_at", "ingestedAt"),
    ),
    "user_id": (*("user_id", "userId", "distinct_id", "distinctId", "uid", "user"),),
    "anonymous_id": (
        *("anonymous_id", "anonymousId", "device_id", "deviceId", "client_id"),
        *("clientId", "visitor_id", "visitorId", "user_pseudo_id"),
    ),
    "vendor_session_id": (
        *("vendor_session_id", "vendorSessionId", "session_id", "sessionId"),
        "$session_id",
    ),
    "platform": ("platform",),
    "app_version": ("app_version", "appVersion"),
    "page": (
        *("page", "page_path", "pagePath", "path", "page_url", "pageUrl", "url"),
        "page_location",
    ),
    "referrer": ("referrer", "referer", "page_referrer", "pageReferrer"),
    "utm_source": ("utm_source", "utmSource"),
    "utm_medium": ("utm_medium", "utmMedium"),
    "utm_campaign": ("utm_campaign", "utmCampaign"),
    "country": ("country", "country_code", "countryCode"),
    "region": ("region",),
    "city": ("city",),
    "device_type": ("device_type", "deviceType"),
    "os": ("os", "os_name", "osName", "operating_system", "operatingSystem"),
    "browser": ("browser", "browser_name", "browserName"),
    "revenue": ("revenue",),
    "currency": ("currency", "currency_code", "currencyCode"),
    "value": ("value",),
}

# Objects whose members are the event's properties.
PROPERTY_CONTAINERS: Final = (
    *("properties", "event_data", "eventData", "event_properties"),
    *("eventProperties", "data", "payload", "params", "props", "attributes"),
)

# Objects that describe the person; they land in properties under "$set".
PERSON_CONTAINERS: Final = (
    *("$set", "user_properties", "userProperties", "person_properties"),
    *("personProperties", "traits"),
)

# What is read inside `context` when the event itself does not say it. The whole
# `context` stays in the properties.
CONTEXT_PATHS: Final[dict[str, tuple[str, ...]]] = {
    "platform": ("$.platform",),
    "app_version": ("$.app.version",),
    "page": ("$.page.path", "$.page.url"),
    "referrer": ("$.page.referrer",),
    "utm_source": ("$.campaign.source",),
    "utm_medium": ("$.campaign.medium",),
    "utm_campaign": ("$.campaign.name",),
    "country": ("$.location.country",),
    "region": ("$.location.region",),
    "city": ("$.location.city",),
    "device_type": ("$.device.type",),
    "os": ("$.os.name",),
    "browser": ("$.browser.name",),
}

# What is read inside `user` when it is an object.
USER_PATHS: Final = ("$.id", "$.user_id", "$.userId")


def column_names() -> tuple[str, ...]:
    """Give the columns of `lake/events`, in the order of the files."""
    return tuple(column.name for column in EVENT_COLUMNS)


def known_names() -> frozenset[str]:
    """Give every top-level name of a native event that is no plain property."""
    return frozenset(
        {name for names in ALIASES.values() for name in names}
        | set(PROPERTY_CONTAINERS)
        | set(PERSON_CONTAINERS)
    )

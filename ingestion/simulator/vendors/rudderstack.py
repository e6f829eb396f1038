"""The simulated product as a customer of RudderStack: one call a line.

Belongs here: what RudderStack writes otherwise than Segment. Schema:
https://www.rudderstack.com/docs/event-spec/standard-events/common-fields/. Not carried:
the browser, the kind of device on the web, and the app's version on the web, where the
library describes itself in `context.app`.
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.format import VendorFormat
from ingestion.simulator.vendors.segment import call, page_object

_LIBRARY: Final = (
    "case platform when 'web' then 'RudderLabs JavaScript SDK' "
    "when 'ios' then 'rudder-ios-library' "
    "when 'android' then 'com.rudderstack.android.sdk.core' "
    "else 'rudder-sdk-python' end"
)
_CHANNEL: Final = (
    "case platform when 'web' then 'web' when 'server' then 'server' else 'mobile' end"
)
_APP: Final = (
    "case when platform = 'web' then json_object('name', 'RudderLabs JavaScript SDK', "
    "'namespace', 'com.rudderlabs.javascript', 'version', '3.7.6') "
    "else json_object('name', 'Daybreak', 'version', app_version) end"
)


def line_sql(relation: str) -> str:
    """SQL for the calls of a relation's events."""
    context = (
        f"json_object('app', {_APP}, "
        "'campaign', json_object('source', utm_source, 'medium', utm_medium, "
        "'name', utm_campaign), "
        "'device', json_object('type', case platform when 'ios' then 'iOS' "
        "when 'android' then 'Android' end), "
        "'geo', json_object('city', city, 'country', country, 'region', region), "
        f"'library', json_object('name', {_LIBRARY}, 'version', '3.7.6'), "
        f"'os', json_object('name', os), 'page', {page_object()}, "
        "'traits', json_object(), 'userAgent', user_agent)"
    )
    further = ", 'rudderId', anonymous_id, 'integrations', json_object('All', true)"
    return f"select {call(_CHANNEL, context, further)} as line from {relation}"


RUDDERSTACK: Final = VendorFormat(line_sql)

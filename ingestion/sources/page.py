"""The page of an event and the campaign its address names.

Belongs here: what happens to an address that a client sends as page: its path is the
page, the whole stays in the properties as `page_url`, its query fills the campaign's
columns where the client left them empty. Not here: how the parts of an address are
told apart (`web_address`). For native events and mapped tables; vendors have fields of
their own for all of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ingestion.sources.event_sql import Entry, EventSql, merged
from ingestion.sources.web_address import query_parameter, url_path

_CAMPAIGN: Final = ("utm_source", "utm_medium", "utm_campaign")


def with_page_parts(event: EventSql, addresses: Sequence[str] = ()) -> EventSql:
    """Give the event with its page as a path and its campaign from the address.

    `addresses` are further texts, best first, in which a campaign may stand; the page
    itself is looked into before them.
    """
    sent = event.texts["page"]
    if sent == "null::varchar" and not addresses:
        return event
    # Most addresses name no campaign: one look for its sign spares them the rest.
    tagged = ", ".join(
        f"case when contains({address}, 'utm_') then {address} end"
        for address in dict.fromkeys(("__page_sent", *addresses))
    )
    fields = {
        **event.fields,
        "__page_sent": sent,
        "__page": url_path("__page_sent"),
        "__campaign_address": f"coalesce({tagged}, null::varchar)",
    }
    texts = {**event.texts, "page": "__page"}
    for column in _CAMPAIGN:
        found = query_parameter("__campaign_address", column)
        texts[column] = f"coalesce(nullif({event.texts[column]}, ''), {found})"
    whole = Entry("page_url", "to_json(__page_sent)::varchar", "__page_sent <> __page")
    properties = merged(f"({event.properties})", [whole])
    return replace(event, fields=fields, texts=texts, properties=properties)

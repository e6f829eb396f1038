"""Snowplow: enriched events, as TSV, as exported tables, as JSON lines.

Belongs here: Snowplow's fields and entities. Not here: the order of the TSV's columns
(`snowplow_atomic`).

Schema: https://docs.snowplow.io/docs/fundamentals/canonical-event/. A TSV without a
header has the 131 columns of the enriched stream; a table with a header may have any of
them, and a column for each schema (`contexts_com_acme_thing_1`,
`unstruct_event_com_acme_done_1_0_0`); JSON lines have the keys of either.

- Time: `true_tstamp` if the tracker set it, else `derived_tstamp` (the collector's time
  less the delay on the device, so that wrong clocks are corrected), else
  `dvce_created_tstamp`, else `collector_tstamp`, which fills `received_at`.
- Name: page_view, page_ping and screen_view get their canonical names; a structured
  event is named by `se_action` (its category and value fill the columns), a
  self-describing one by `event_name`, and its data are the properties (`$schema` says
  of which schema). Entities stay whole in `contexts` or under their columns.
- Person: `user_id`, `domain_userid` (first-party cookie) and `domain_sessionid`; in
  apps `userId` and `sessionId` of the client_session entity. An event of a web view has
  both devices: the second goes to `$ids`. `network_userid` is the collector's cookie, a
  third-party one on most sites: browsers refuse it, so that a new one comes with each
  event, and where events are anonymous all share one. It links nobody with himself and
  strangers with each other, hence stays a property. So does `refr_domain_userid`: a
  decorated link is handed on to others.
- Money: `tr_total` of a transaction, or `revenue` of the e-commerce transaction entity.
  The prices of a transaction's items are part of its total: `ti_price` is the `value`
  of its item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ingestion.events import NO_IDENTITY
from ingestion.sources.event_sql import Entry, EventSql, as_object, is_object, trimmed
from ingestion.sources.shapes import Shapes
from ingestion.sources.snowplow_atomic import ATOMIC_COLUMNS
from ingestion.sources.vendor_line import (
    NULL,
    Line,
    as_json,
    first,
    further_ids,
    instant,
    number_text,
    texts_of,
    unless,
)
from ingestion.sources.web_address import query_parameter, url_path
from ingestion.sql_text import name, text, text_list

KNOWN_KEYS: Final = frozenset(ATOMIC_COLUMNS)

CANONICAL_NAMES: Final = {
    "page_view": "page_viewed",
    "page_ping": "page_pinged",
    "screen_view": "screen_viewed",
}

_TIMES: Final = (
    *("true_tstamp", "derived_tstamp", "dvce_created_tstamp", "collector_tstamp"),
)
# Keys that fill one column as they are, or that are renamed.
_COPIED: Final = (
    *("event_id", "user_id", "domain_userid", "domain_sessionid", "page_referrer"),
    *("mkt_source", "mkt_medium", "mkt_campaign", "geo_country", "geo_city"),
    "useragent",
)
# Keys that fill an expression of an event unless something better does.
_CANDIDATES: Final = {
    "platform": "__platform",
    "page_urlpath": "__page",
    "geo_region_name": "__region",
    "geo_region": "__region",
    "os_family": "__os",
    "os_name": "__os",
    "br_family": "__browser",
    "br_name": "__browser",
    "dvce_type": "__device",
    "se_category": "__area",
    "se_action": "__named",
    "se_value": "__measure",
    "ti_price": "__measure",
    "tr_total": "__money",
    "tr_currency": "__money_of",
    "true_tstamp": "__occurred",
    "derived_tstamp": "__occurred",
}
_TEXTS: Final = frozenset(
    {*_TIMES, *_COPIED, *_CANDIDATES, "event", "event_name", "page_url"}
)
# What Snowplow's own anonymous tracking sends for an id.
_NO_ID: Final = (*NO_IDENTITY, "00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True)
class _Entity:
    """A schema of which members are read, each under any of its spellings."""

    field: str
    vendor: str
    schema: str
    members: tuple[tuple[str, ...], ...]

    @property
    def column(self) -> re.Pattern[str]:
        """The columns that warehouses give it, with or without the whole version."""
        stem = f"contexts_{self.vendor}_{self.schema}".replace(".", "_")
        return re.compile(rf"{stem}_\d+(_\d+_\d+)?")

    def member(self, wanted: str) -> str:
        """Give the text of a member of the first such entity."""
        spellings = [spelling for member in self.members for spelling in member]
        [found] = [member for member in self.members if wanted in member]
        return first(*(f"{self.field}[{spellings.index(one) + 1}]" for one in found))


_OWN: Final = "com.snowplowanalytics.snowplow"
_MOBILE: Final = "com.snowplowanalytics.mobile"
_PAGE: Final = _Entity("__web_page", _OWN, "web_page", (("id",),))
_SCREEN: Final = _Entity("__screen", _MOBILE, "screen", (("id",), ("name",)))
_PHONE: Final = _Entity("__phone", _OWN, "mobile_context", (("osType", "os_type"),))
_SESSION: Final = _Entity(
    *("__session", _OWN, "client_session"),
    (("userId", "user_id"), ("sessionId", "session_id")),
)
_APP: Final = _Entity("__app", _MOBILE, "application", (("version",),))
_ORDER: Final = _Entity(
    *("__order", f"{_OWN}.ecommerce", "transaction"), (("revenue",), ("currency",))
)
_YAUAA: Final = _Entity(
    *("__yauaa", "nl.basjes", "yauaa_context"),
    (
        ("deviceClass", "device_class"),
        ("operatingSystemName", "operating_system_name"),
        ("agentName", "agent_name"),
    ),
)
_PARSER: Final = _Entity(
    *("__parser", _OWN, "ua_parser_context"),
    (("osFamily", "os_family"), ("useragentFamily", "useragent_family")),
)
_ENTITIES: Final = (*(_PAGE, _SCREEN, _PHONE, _SESSION, _APP, _ORDER, _YAUAA, _PARSER),)


def event_sql(shapes: Shapes) -> EventSql:
    """Say how enriched events with these keys become events."""
    return _Enriched(Line(shapes, _TEXTS)).event_sql()


class _Enriched:
    """The SQL of one set of keys."""

    def __init__(self, line: Line) -> None:
        self._line = line
        keys = line.shapes.keys
        self._envelopes = [
            key for key in ("contexts", "derived_contexts") if key in keys
        ]
        self._contexts = [key for key in keys if key.startswith("contexts_")]
        self._data = [key for key in keys if key.startswith("unstruct_event")]

    def event_sql(self) -> EventSql:
        """Give all expressions."""
        received = self._key("collector_tstamp")
        return EventSql(
            structure=self._line.structure(),
            fields=self._fields(),
            event_name=trimmed("__named"),
            event_id=unless(self._key("event_id"), _NO_ID),
            occurred_text="__occurred",
            occurred_at=instant("__occurred"),
            received_at=instant(received) if received != NULL else "null::timestamp",
            ids={
                "user_id": unless(self._key("user_id"), _NO_ID),
                "anonymous_id": first("__cookie", "__install"),
                "vendor_session_id": first(
                    unless(self._key("domain_sessionid"), _NO_ID),
                    unless(_SESSION.member("sessionId"), _NO_ID),
                ),
            },
            texts=texts_of(self._texts()),
            revenue_text="__money",
            value_text="__measure",
            properties=self._properties(),
        )

    def _key(self, key: str) -> str:
        """Give the text of a key; empty texts are none."""
        value = self._line.value(key)
        return NULL if value == NULL else f"nullif({value}, '')"

    def _unpacked(self, key: str) -> str:
        """Give the JSON text of a key, also one written inside a string (CSV)."""
        value = self._line.value(key)
        inner = f"json_extract_string({value}, '$')"
        return (
            f"case when starts_with({value}, '\"') and json_valid({inner}) "
            f"then json({inner})::varchar else {value}::varchar end"
        )

    def _fields(self) -> dict[str, str]:
        """Give what several expressions use, computed once; later ones use earlier."""
        fields = {
            _field(key): as_object(self._line.value(key)) for key in self._envelopes
        }
        fields |= {
            _field(key): self._unpacked(key) for key in (*self._contexts, *self._data)
        }
        fields["__entities"] = self._entities()
        fields |= {entity.field: self._entity(entity) for entity in _ENTITIES}
        data = [self._own_data(key) for key in self._data]
        fields["__data"] = first(*data)
        fields["__told"] = (
            "json_extract_string(__data, ['$.category', '$.value', '$.name'])"
        )
        fields["__event"] = self._key("event")
        fields["__vendor_name"] = (
            f"case when __event = 'unstruct' or __event is null "
            f"then {self._key('event_name')} "
            f"when __event = 'struct' then {self._key('se_action')} else __event end"
        )
        names = " ".join(
            f"when {text(sent)} then {text(canonical)}"
            for sent, canonical in CANONICAL_NAMES.items()
        )
        fields["__named"] = f"case __vendor_name {names} else __vendor_name end"
        fields["__occurred"] = first(*(self._key(key) for key in _TIMES))
        fields["__cookie"] = unless(self._key("domain_userid"), _NO_ID)
        fields["__install"] = unless(_SESSION.member("userId"), _NO_ID)
        return fields | self._technical() | self._amounts()

    def _technical(self) -> dict[str, str]:
        """Give where it happened: system, browser, device, platform, page."""
        system = first(
            *(self._key("os_family"), self._key("os_name"), _PHONE.member("osType")),
            *(_YAUAA.member("operatingSystemName"), _PARSER.member("osFamily")),
        )
        device = first(self._key("dvce_type"), _YAUAA.member("deviceClass"))
        is_mobile = f"json_extract_string({self._line.value('dvce_ismobile')}, '$')"
        mobile = first(_PHONE.member("osType"), "__os")
        path = first(self._key("page_urlpath"), url_path(self._key("page_url")))
        screen = first("__told[3]", _SCREEN.member("name"))
        return {
            "__os": system,
            "__browser": first(
                *(self._key("br_family"), self._key("br_name")),
                *(_YAUAA.member("agentName"), _PARSER.member("useragentFamily")),
            ),
            "__device": f"case lower({device}) when 'computer' then 'desktop' "
            "when 'phone' then 'mobile' else coalesce(lower("
            f"{device}), case when {is_mobile} in ('true', '1') then 'mobile' end) end",
            "__platform": f"case {self._key('platform')} when 'mob' then case "
            f"when lower({mobile}) in ('ios', 'ipados', 'iphone os') then 'ios' "
            f"when starts_with(lower({mobile}), 'android') then 'android' "
            f"else 'mobile' end when 'srv' then 'server' "
            f"else {self._key('platform')} end",
            "__page": "case when __vendor_name = 'screen_view' "
            f"then {screen} else {path} end",
            "__region": first(self._key("geo_region_name"), self._key("geo_region")),
        }

    def _amounts(self) -> dict[str, str]:
        """Give category, number and money."""
        is_item = "__event = 'transaction_item'"
        return {
            "__area": first(self._key("se_category"), "__told[1]"),
            "__measure": "case when __event = 'struct' then "
            f"{number_text(self._key('se_value'))} when {is_item} "
            f"then {number_text(self._key('ti_price'))} "
            f"else {number_text('__told[2]')} end",
            "__money": first(
                self._key("tr_total"), f"nullif({_ORDER.member('revenue')}, '')"
            ),
            # A currency without revenue is that of another amount.
            "__money_of": "case when __money is not null then "
            f"{first(self._key('tr_currency'), _ORDER.member('currency'))} end",
        }

    def _entities(self) -> str:
        """Give the entities of the envelopes as one list of schema and data."""
        shape = text('{"data":[{"schema":"VARCHAR","data":"JSON"}]}')
        lists = [
            f"json_transform({_json(key)}, {shape}).data" for key in self._envelopes
        ]
        if not lists:
            return "null"
        return lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})"

    def _entity(self, entity: _Entity) -> str:
        """Give the texts of an entity's members, in the order of their spellings."""
        found = [
            _first_object(_json(key))
            for key in self._contexts
            if entity.column.fullmatch(key)
        ]
        if self._envelopes:
            part = text(f"iglu:{entity.vendor}/{entity.schema}/")
            found.append(
                "list_filter(__entities, "
                f"lambda entity: starts_with(entity.schema, {part}))[1].data::varchar"
            )
        spellings = [spelling for member in entity.members for spelling in member]
        paths = text_list(f"$.{spelling}" for spelling in spellings)
        return f"json_extract_string({first(*found)}, [{paths}])"

    def _own_data(self, key: str) -> str:
        """Give the data of a self-describing event."""
        value = _json(key)
        if key == "unstruct_event":
            data = f"json_extract({value}, '$.data.data')::varchar"
            return f"case when {is_object(data)} then {data} end"
        return _first_object(value)

    def _texts(self) -> dict[str, str]:
        address = self._key("page_url")
        campaign = {
            column: first(self._key(key), query_parameter(address, column))
            for column, key in (
                *(("utm_source", "mkt_source"), ("utm_medium", "mkt_medium")),
                ("utm_campaign", "mkt_campaign"),
            )
        }
        return campaign | {
            "category": "__area",
            "platform": "__platform",
            "app_version": _APP.member("version"),
            "page": "__page",
            "referrer": self._key("page_referrer"),
            "country": self._key("geo_country"),
            "region": "__region",
            "city": self._key("geo_city"),
            "device_type": "__device",
            "os": "__os",
            "browser": "__browser",
            "currency": "__money_of",
        }

    def _properties(self) -> str:
        """Give the data of the event, the entities, and all that filled no column."""
        entries = [
            *self._reserved_entries(),
            *self._data_entries(),
            *(
                Entry(key, _json(key), f"{_json(key)} is not null")
                for key in (*self._envelopes, *self._contexts)
            ),
            *(
                Entry(
                    key,
                    as_json(self._key(key)),
                    f"{self._key(key)} is distinct from {filled} "
                    f"and {self._key(key)} is not null",
                )
                for key, filled in _CANDIDATES.items()
                if self._line.has(key)
            ),
        ]
        used = {*_COPIED, *_CANDIDATES, "event", "event_name", "collector_tstamp"}
        used |= {*self._envelopes, *self._contexts, *self._data}
        base = "__data" if self._data else None
        return self._line.properties(base, entries, used)

    def _reserved_entries(self) -> list[Entry]:
        """Give the keys that Daybreak reserves, and what is left of the names."""
        agent, sent = self._key("useragent"), self._key("event_name")
        received = self._key("collector_tstamp")
        page_view = first(_PAGE.member("id"), _SCREEN.member("id"))
        own_name = "case when __event = 'struct' then __event else __vendor_name end"
        renamed = (
            f"__event = 'struct' or __vendor_name in ({text_list(CANONICAL_NAMES)})"
        )
        # A structured event's `event_name` says `event`.
        unread = (
            f"{sent} is distinct from __vendor_name "
            f"and {sent} is distinct from __event "
            f"and not ({sent} = 'event' and __event = 'struct')"
        )
        return [
            Entry("$page_view_id", as_json(page_view), f"{page_view} is not null"),
            Entry("$event_name", as_json(own_name), renamed),
            Entry("event_name", as_json(sent), f"{sent} is not null and {unread}"),
            Entry("user_agent", as_json(agent), f"{agent} is not null"),
            further_ids(["__install"], "__install <> __cookie"),
            Entry(
                "collector_tstamp",
                as_json(received),
                f"__received_at is null and {received} is not null",
            ),
        ]

    def _data_entries(self) -> list[Entry]:
        """Say of which schema the data are; keep what could not be unpacked."""
        entries = []
        for key in self._data:
            value = _json(key)
            schema = as_json(text(key))
            if key == "unstruct_event":
                schema = f"json_extract({value}, '$.data.schema')::varchar"
            mine = f"({self._own_data(key)}) is not null"
            entries.append(Entry("$schema", schema, mine))
            entries.append(
                Entry(key, value, f"{value} is not null and ({mine}) is not true")
            )
        return entries


def _field(key: str) -> str:
    """Give the name of the field that holds the unpacked JSON text of a key."""
    return f"__json_{key}"


def _json(key: str) -> str:
    """Give the unpacked JSON text of a key."""
    return name(_field(key))


def _first_object(value: str) -> str:
    """Give the object, or the first of a list of objects, as JSON text.

    Tables that were written as text have lists within lists.
    """
    found = (
        f"case when starts_with({value}, '[[') then json_extract({value}, '$[0][0]') "
        f"when starts_with({value}, '[') then json_extract({value}, '$[0]') "
        f"else {value}::json end::varchar"
    )
    return f"case when {is_object(f'({found})')} then {found} end"

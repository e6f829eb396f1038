"""A first tracking plan, as landed events would have it declared.

Belongs here: what can be told of events from their rows, and the text of an
`events.yml` that says so. Not here: judging events by a plan (`verdict_sql`).

Everything is counted over all landed copies, not a sample: "always present" is a claim
about every row. 500,000 events of a simulated product cost 1.2 s of processor time.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
from ruamel.yaml import YAML

from ingestion.catalog.event_models import PropertyType
from ingestion.lake import Lake
from ingestion.sql_text import text, text_list
from ingestion.user_agents import USER_AGENT_KEYS

# With fewer rows, "always" and "only" are chance.
_MIN_ROWS: Final = 20
_MAX_PROPERTIES: Final = 50
_MAX_EXAMPLES: Final = 3
# So few different values in so many rows are words of the product, not data of persons.
_MAX_WORDS: Final = 20
_MIN_ROWS_OF_WORDS: Final = 200

_PAGE_VIEW: Final = re.compile(
    r"(?i)\$?(page|screen)[ _-]?view(ed)?|viewed (page|screen)"
)
# What a server does, or a machine measures, without anybody being there.
_NO_ACTIVITY: Final = re.compile(
    r"(?i)(e?mails?|sms|push|message|notification)[ _-].*"
    r"|(invoice|payment|charge|refund|subscription|renewal|trial)[ _-].*"
    r"|.*[ _-](failed|expired|renewed|refunded|exposed|delivered|bounced)"
    r"|(page_loaded|api_called|error_raised|experiment[ _-].*|\$?exposure"
    r"|\$?feature_flag_called|\$?web_vitals|\$?exception)"
)
_PERSONAL: Final = re.compile(
    r"(?i)(.*[_-])?(e-?mail|phone(_?number)?|first_?name|last_?name|full_?name|address"
    r"|street|birth(day|date)|iban|ip|ip_address)"
)
_NAME: Final = re.compile(r"[^\s\x00-\x1f]([^\x00-\x1f]*\S)?")
_NUMBERS: Final = frozenset({"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "DOUBLE"})
_SERVERS: Final = ("server", "backend", "api", "cron", "worker")
_HEAD: Final = """\
# yaml-language-server: $schema=./events.schema.json
#
# A first tracking plan, inferred from {rows:,} landed events
# of {days}. Read it as a draft: say what each event means, correct
# what only happened to be so (a property that was always there need not be required),
# and run `daybreak catalog check`.
"""


@dataclass(frozen=True, slots=True)
class _Event:
    """What the rows of one event show."""

    name: str
    rows: int
    category: str | None
    is_server_side: bool
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class _Property:
    """What the rows of one event show of one property; `examples` are raw texts."""

    name: str
    rows: int
    kinds: frozenset[str]
    is_whole: bool
    is_time: bool
    values: int
    examples: tuple[str, ...]


def infer_plan(lake_dir: Path, sources: Sequence[str] = ()) -> str:
    """Give the text of an events.yml for what has landed; '' when nothing has.

    `sources` limits it to these. Examples of values are masked unless they are words
    of the product: few different short texts in many rows.
    """
    lake = Lake(lake_dir)
    files = text(lake.events / "load=[1-9]*" / "date=*" / "*.parquet")
    if not any(lake.events.glob("load=[1-9]*/date=*")):
        return ""
    where = f"where source in ({text_list(sources)})" if sources else ""
    with duckdb.connect() as connection:
        connection.execute(
            "create view landed as select * from read_parquet("
            f"{files}, hive_partitioning = false, union_by_name = true) {where}"
        )
        events = _events(connection)
        properties = _properties(connection)
    if not events:
        return ""
    return _document(events, properties)


def _events(connection: duckdb.DuckDBPyConnection) -> list[_Event]:
    rows = connection.execute(
        "select event_name, count(*), mode(category), "
        f"coalesce(avg((lower(platform) in ({text_list(_SERVERS)}))::int), 0) > 0.9, "
        "min(occurred_at)::date::varchar, max(occurred_at)::date::varchar "
        "from landed group by 1 order by 2 desc, 1"
    ).fetchall()
    return [_Event(*row) for row in rows if _is_name(row[0])]


def _properties(
    connection: duckdb.DuckDBPyConnection,
) -> dict[str, list[_Property]]:
    """Give the properties by event, the most frequent first; reserved keys left out."""
    reserved = text_list((*USER_AGENT_KEYS, "context", "page_url", "page_title"))
    place = "'/' || replace(replace(key, '~', '~0'), '/', '~1')"
    rows = connection.execute(
        f"""
        with keyed as (
            select event_name, properties, unnest(json_keys(properties)) as key
            from landed
        ),
        typed as (
            select
                event_name, key,
                json_type(properties, {place}) as kind,
                json_extract_string(properties, {place}) as sent
            from keyed
            where
                key <> '' and not starts_with(key, '$') and key not in ({reserved})
        )
        select
            event_name, key, count(*), list(distinct kind),
            coalesce(bool_and(
                try_cast(sent as double) = floor(try_cast(sent as double))
            ), false),
            coalesce(bool_and(
                regexp_full_match(sent, '\\d{{4}}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d.*')
                and try_cast(sent as timestamptz) is not null
            ), false),
            approx_count_distinct(sent),
            list_slice(list_sort(list(distinct sent) filter (
                strlen(sent) between 1 and 40
            ))[:1000], 1, {_MAX_EXAMPLES})
        from typed
        where kind is not null and kind <> 'NULL'
        group by 1, 2
        qualify row_number() over (
            partition by event_name order by count(*) desc, key
        ) <= {_MAX_PROPERTIES}
        order by 1, 3 desc, 2
        """
    ).fetchall()
    found: dict[str, list[_Property]] = {}
    for event, name, count, kinds, is_whole, is_time, values, examples in rows:
        found.setdefault(event, []).append(
            _Property(
                *(name, count, frozenset(kinds), is_whole, is_time, values),
                tuple(examples or ()),
            )
        )
    return found


def _is_name(name: str) -> bool:
    return len(name) <= 200 and _NAME.fullmatch(name) is not None


def _document(events: Sequence[_Event], properties: dict[str, list[_Property]]) -> str:
    first = min(event.first_day for event in events)
    last = max(event.last_day for event in events)
    rows = sum(event.rows for event in events)
    views = [event.name for event in events if _PAGE_VIEW.fullmatch(event.name)]
    plan: dict[str, Any] = {"policy": "warn"}
    if views:
        plan["page_view_events"] = views
    plan["events"] = [
        _declared(event, properties.get(event.name, ())) for event in events
    ]
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    written = io.StringIO()
    yaml.dump(plan, written)
    return _HEAD.format(rows=rows, days=f"{first} to {last}") + written.getvalue()


def _declared(event: _Event, properties: Iterable[_Property]) -> dict[str, Any]:
    found = list(properties)
    declared: dict[str, Any] = {
        "name": event.name,
        "description": f"Seen {event.rows:,} times, {event.first_day} to "
        f"{event.last_day}.",
    }
    if event.category:
        declared["category"] = event.category
    if event.is_server_side or _NO_ACTIVITY.fullmatch(event.name):
        declared["is_activity"] = False
    if found:
        declared["properties"] = {one.name: _declared_property(one) for one in found}
    required = [one.name for one in found if one.rows == event.rows >= _MIN_ROWS]
    if required:
        declared["required_properties"] = required
    personal = [one.name for one in found if _PERSONAL.fullmatch(one.name)]
    if personal:
        declared["personal"] = dict.fromkeys(personal, "keep")
    return declared


def _declared_property(found: _Property) -> dict[str, str]:
    declared = {"type": str(_type(found))}
    if found.examples:
        shown = ", ".join(dict.fromkeys(_shown(found, one) for one in found.examples))
        declared["description"] = f"Such as {shown}."
    return declared


def _type(found: _Property) -> PropertyType:
    """Give the narrowest type that takes all values seen."""
    if found.kinds <= _NUMBERS:
        return "integer" if found.is_whole else "number"
    single: dict[str, PropertyType] = {
        "BOOLEAN": "boolean",
        "OBJECT": "object",
        "ARRAY": "list",
    }
    if len(found.kinds) == 1:
        (kind,) = found.kinds
        if kind == "VARCHAR" and found.is_time:
            return "timestamp"
        return single.get(kind, "string")
    return "string"


def _shown(found: _Property, example: str) -> str:
    """Give an example as it is if it is a word of the product, else its shape."""
    is_word = (
        found.values <= _MAX_WORDS
        and found.rows >= _MIN_ROWS_OF_WORDS
        and not _PERSONAL.fullmatch(found.name)
        and "@" not in example
    )
    if is_word:
        return example
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", example))

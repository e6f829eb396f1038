"""Which rows are events and which are refused, and the one statement that writes both.

Belongs here: the reason codes with their cures, the order of the verdicts, and the
COPY of a group of files. Not here: how keys become columns (the adapters), where
files go (`loading`).

Events and refused rows leave in one pass over the lines: a refused row travels in the
same columns (reason in `event_name`, what exactly in `event_id`, file in `category`,
line in `value`, text in `properties`) to the partition of the null date, from where it
goes to quarantine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ingestion.day_files import write_by_date
from ingestion.events import AMOUNT_COLUMNS, EVENT_COLUMNS, ID_COLUMNS, MAX_REVENUE
from ingestion.privacy.ip_addresses import masked_addresses
from ingestion.privacy.plan import (
    CONTENT_ID_COLUMN,
    FILE_COLUMN,
    NO_PRIVACY_PLAN,
    PrivacyPlan,
)
from ingestion.privacy.remembered import RememberedIds, is_erased
from ingestion.sources.event_sql import EventSql, ReadsKeys
from ingestion.sources.field_layers import field_ctes
from ingestion.sources.files import BAD_BYTE
from ingestion.sources.shapes import Shapes
from ingestion.sql_text import name, text
from ingestion.tracking_plan.plan import NO_PLAN, TrackingPlan
from ingestion.tracking_plan.verdict_sql import plan_detail, plan_verdict

REASONS: Final[dict[str, str]] = {
    "malformed_json": "The line is no valid JSON: have the client write one JSON "
    "object per line, and send the line again.",
    "not_an_object": "The line is JSON but no object: an event is an object with a "
    "name and a time.",
    "bad_encoding": "The line holds bytes that are no text in the declared encoding "
    "(shown as \\x..): declare the source's `encoding`, then replay.",
    "line_too_long": "The line is longer than the limit: raise the limit "
    "(max_line_bytes), then replay; or have the client write smaller events. The text "
    "here may be its beginning only.",
    "missing_event_name": "The event has no name: send it as `event_name` (or "
    "another accepted alias), or correct the mapping's `event_name`.",
    "missing_timestamp": "The event has no time: send it as `occurred_at` (or another "
    "accepted alias), or correct the mapping's `occurred_at`.",
    "unreadable_timestamp": "The event's time cannot be read: send ISO 8601 or an "
    "epoch, or correct the mapping's `format`.",
    "impossible_timestamp_future": "The event happened after it was received, by more "
    "than the allowed clock error: correct the client's clock or time unit.",
    "before_floor": "The event is older than the year 2000, or than the days that the "
    "lake keeps (`daybreak retain`): correct the client's clock or time unit. What has "
    "expired stays out.",
    "invalid_amount": "`revenue` or `value` is no number, or absurd (revenue beyond "
    "1e9, value beyond 1e12): send a plain decimal number.",
    "unknown_event": "The tracking plan does not name the event: declare it in "
    "events.yml, then replay; or correct the name where the client sends it.",
    "missing_required_property": "The event lacks a property that the tracking plan "
    "requires: have the client send it; or correct the plan, then replay.",
    "wrong_property_type": "A property cannot be read as the type that the tracking "
    "plan declares: correct the client; or widen the type in the plan (string takes "
    "everything), then replay.",
    "missing_value": "A column that its table needs has no value: correct the file or "
    "the mapping (`columns`), then replay.",
    "unreadable_value": "A value does not fit its column: correct the file or the "
    "mapping (`columns`, `times`), then replay.",
    "wrong_column_count": "The row has another number of columns than the header: "
    "quote fields that hold the delimiter, then send the file again.",
    "malformed_row": "The row cannot be split into columns (quotes, usually): correct "
    "the quoting or the mapping's `reader`, then replay.",
    "truncated_file": "The file is cut off or damaged inside its compression and "
    "nothing of it was landed: copy it again as a whole.",
    "unreadable_file": "The file cannot be read in its format and nothing of it was "
    "landed: write it again as a whole.",
}

# What the columns of a refused row that travels as an event hold.
REFUSED_EVENT: Final = {
    "reason_code": "event_name",
    "detail": "event_id",
    "file": "category",
    "line_number": "value::bigint",
    "raw_text": "properties",
}

# Not quarantine: rows that only travel with the refused ones.
BLANK: Final = "blank_line"
SKIPPED: Final = "skipped"
ERASED: Final = "erased"
UNKNOWN_SHAPE: Final = "unknown_shape"
# The text kept with these may not be all that the file holds, or is no JSON: replay
# reads the file again.
FILE_REASONS: Final = frozenset(
    {
        *("bad_encoding", "line_too_long", "wrong_column_count", "malformed_row"),
        *("truncated_file", "unreadable_file"),
    }
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a verdict needs to know beside the row itself."""

    now: datetime
    max_future_hours: float
    floor_date: date
    max_line_bytes: int
    plan: TrackingPlan = NO_PLAN
    remembered: RememberedIds | None = None
    privacy: PrivacyPlan = NO_PRIVACY_PLAN


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """All that makes the rows of one group: lines, adapter, shapes, and where to."""

    relation: str
    event: EventSql
    shapes: Shapes
    source: str
    load_id: str
    has_marked_bytes: bool


@dataclass(frozen=True, slots=True)
class _Parse:
    """SQL over a line: what stands for its keys, the event, and a check of the keys.

    `keys` is null for a line that is no JSON; `is_known` compares `__keys` and `__e`.
    """

    keys: str
    event: str
    is_known: str = "true"


@dataclass(frozen=True, slots=True)
class _ByPlan:
    """The query after the tracking plan has judged it.

    `steps` are further CTEs, `relation` the last of them, `detail` says of a refused
    row what exactly is wrong.
    """

    query: GroupQuery
    steps: str
    relation: str
    detail: str


# Always true. DuckDB puts an expression in each place of its name unless it is
# volatile: without this the properties are made up to ten times an event (1M events:
# native 24 s of processor time for 9 s, Snowplow's 131 columns 390 s for 45 s).
_MADE_ONCE: Final = "random() >= 0"


def copy_statement(query: GroupQuery, rules: Rules, target: str) -> str:
    """Give the COPY that writes events by date, refused rows under the null date."""
    return write_by_date(_select(query, rules), target)


def _select(query: GroupQuery, rules: Rules) -> str:
    event = query.event
    planned = _by_plan(query, rules)
    parsed = parsed_lines(query.relation, query.shapes, event)
    return f"""
with {parsed},
facts as (
    select *{_facts(event, rules)} from fields
),
judged as (
    select
        *,
        {_reason(query, rules)} as __reason
    from facts
){planned.steps}
select {_output(planned)}{_for_the_door(rules)} from {planned.relation}"""


def parsed_lines(relation: str, shapes: Shapes, reading: ReadsKeys) -> str:
    """Give the CTEs from the lines to `fields`, the keys of each by name."""
    parse = _parse(shapes, reading)
    return f"""lines as ({relation}),
keyed as (
    select raw as __raw, file as __file, line as __line, {parse.keys} as __keys
    from lines
),
parsed as (
    select *, {parse.event} as __e
    from keyed
),
{field_ctes(reading.fields, parse.is_known, "parsed")}"""


def _by_plan(query: GroupQuery, rules: Rules) -> _ByPlan:
    """Judge by the tracking plan what is an event otherwise; mask IP addresses.

    The properties are made once, for the verdict and the output, and for events only:
    an expression of a mapping may not fit a row that is none.
    """
    event, plan, privacy = query.event, rules.plan, rules.privacy
    amounts = {"revenue": event.revenue_text, "value": event.value_text}
    asked = ("__name", "__properties", {**event.ids, **event.texts, **amounts})
    verdict = plan_verdict(plan, *asked)
    masked = masked_addresses("__properties", privacy.ip_addresses, privacy.declared)
    replaced = [f"{masked} as __properties"]
    if verdict is not None:
        replaced.append(f"coalesce(__reason, {verdict}) as __reason")
    steps = f""",
with_properties as (
    select
        *,
        case when __reason is null and {_MADE_ONCE}
            then {event.properties} end as __properties
    from judged
),
judged_by_plan as (
    select * replace ({", ".join(replaced)})
    from with_properties
)"""
    return _ByPlan(
        replace(query, event=replace(event, properties="__properties")),
        steps,
        "judged_by_plan",
        plan_detail(plan, "__reason", *asked) if verdict is not None else "null",
    )


def _for_the_door(rules: Rules) -> str:
    """Give the columns that only the privacy step reads, if there will be one."""
    if not rules.privacy.is_active:
        return ""
    return f",\n    __file as {FILE_COLUMN}, __id is null as {CONTENT_ID_COLUMN}"


def _parse(shapes: Shapes, reading: ReadsKeys) -> _Parse:
    """Give the parse of a line and the check of its keys.

    A malformed line stops json_transform, so it must not get one; nor can try() stand
    around it: carrying 25 fields through costs 0.3 s per 1M events. The keys have to be
    listed for the check anyway, and a line without keys is not transformed. Around the
    keys try() costs nothing, but it computes the 2048 rows around a malformed line one
    by one: where there are such lines (one in 2,000: 3.3 s per 1M events), looking
    first whether a line is JSON costs 0.3 s.
    """
    if shapes.delimiter is not None:
        return _parse_split(shapes, shapes.delimiter, reading)
    line = "try_cast(raw as json)" if shapes.has_malformed else "raw"
    structure = text(reading.structure_json())
    if not shapes.is_sample:
        transform = f"json_transform({line.replace('raw', '__raw')}, {structure})"
        return _Parse(
            "null", transform if shapes.has_malformed else f"try({transform})"
        )
    keys = f"json_keys({line})"
    if shapes.hashes is None:
        keys = f"len({keys})"
        present = " + ".join(
            f"(__e.{name(key)} is not null)::utinyint" for key in shapes.keys
        )
        known = f"__keys = {present or 0}"
    else:
        listed = ", ".join(str(value) for value in shapes.hashes)
        known = f"list_contains([{listed}]::ubigint[], hash(__keys))"
    keys = keys if shapes.has_malformed else f"try({keys})"
    readable = "case when __keys is not null then __raw end"
    return _Parse(keys, f"json_transform({readable}, {structure})", known)


def _parse_split(shapes: Shapes, delimiter: str, reading: ReadsKeys) -> _Parse:
    """Give the parse of a line that holds its values between delimiters.

    Writing the values as JSON first, as is done with CSV, takes three times as long:
    of Snowplow's 131 columns 48 s of processor time per 1M events.
    """
    types = json.loads(reading.structure_json())
    cells = {
        key: f"nullif(__keys[{i}], '')"
        if types[key] == "VARCHAR"
        else f"case when __keys[{i}] <> '' then to_json(__keys[{i}])::varchar end"
        for i, key in enumerate(shapes.keys, 1)
    }
    packed = ", ".join(f"{name(key)} := {cell}" for key, cell in cells.items())
    return _Parse(
        f"string_split(raw, {text(delimiter)})",
        f"struct_pack({packed})",
    )


def _facts(event: EventSql, rules: Rules) -> str:
    facts = {
        "__name": event.event_name,
        "__id": event.event_id,
        "__occurred_text": event.occurred_text,
        "__occurred_at": event.occurred_at,
        "__received_at": _plausible(event.received_at, rules),
        **{f"__{column}": event.ids[column] for column in ID_COLUMNS},
        "__revenue_text": event.revenue_text,
        "__value_text": event.value_text,
        "__revenue": f"try_cast({event.revenue_text} as decimal(18, 6))",
        "__value": f"try_cast({event.value_text} as decimal(18, 6))",
        **({"__keep": event.keep} if event.keep else {}),
    }
    return "".join(f", {sql} as {key}" for key, sql in facts.items())


def _plausible(value: str, rules: Rules) -> str:
    """Take a time of receipt before the floor for none: it cannot judge the event."""
    floor = f"timestamp '{rules.floor_date}'"
    return f"case when isfinite({value}) and {value} >= {floor} then {value} end"


def _reason(query: GroupQuery, rules: Rules) -> str:
    """Give the CASE of the verdicts, the first that fits wins."""
    now = rules.now.astimezone(UTC).replace(tzinfo=None)
    slack = timedelta(hours=rules.max_future_hours) // timedelta(microseconds=1)
    limit = (
        f"least(coalesce(__received_at, timestamp '{now}'), timestamp '{now}') "
        f"+ to_microseconds({slack})"
    )
    skipped = f"when not __keep then '{SKIPPED}'" if query.event.keep else ""
    shape = f"when not __is_known_shape then '{UNKNOWN_SHAPE}'"
    unusable = unusable_line(
        rules, query.shapes, has_marked_bytes=query.has_marked_bytes
    )
    return f"""case
            {unusable}
            {shape if query.shapes.is_sample else ""}
            {skipped}
            {_erased(query.event) if rules.remembered else ""}
            when __name is null then
                case
                    when try(json_type(__raw)) <> 'OBJECT' then 'not_an_object'
                    else 'missing_event_name'
                end
            when __occurred_at is null then
                case
                    when __occurred_text is null then 'missing_timestamp'
                    else 'unreadable_timestamp'
                end
            when __occurred_at < timestamp '{rules.floor_date}' then 'before_floor'
            when __occurred_at > {limit} then 'impossible_timestamp_future'
            when __revenue is null and __revenue_text is not null
                or __value is null and __value_text is not null
                or abs(__revenue) > {MAX_REVENUE}
                then 'invalid_amount'
        end"""


def _erased(event: EventSql) -> str:
    """Give the branch for rows of persons who were erased, whatever else is wrong."""
    condition = is_erased(
        *("__user_id", "__anonymous_id", f"try({event.properties})", "__occurred_at")
    )
    return f"when {condition} then '{ERASED}'"


def unusable_line(rules: Rules, shapes: Shapes, *, has_marked_bytes: bool) -> str:
    """Give the branches of the CASE for lines that cannot even be parsed."""
    marked = f"when contains(__raw, {text(BAD_BYTE)}) then 'bad_encoding'"
    missing = "__e is null"
    if shapes.delimiter is not None:
        # Another number of values, or nothing between the delimiters.
        missing = f"len(__keys) <> {len(shapes.keys)} or trim(__raw, ' \t') = ''"
    return f"""when __raw is null then '{BLANK}'
            when strlen(__raw) > {rules.max_line_bytes} then 'line_too_long'
            {marked if has_marked_bytes else ""}
            when {missing} then {_unparsed(shapes)}"""


def _unparsed(shapes: Shapes) -> str:
    otherwise = (
        "when json_valid(__raw) then 'not_an_object' else 'malformed_json'"
        if shapes.delimiter is None
        else "else 'wrong_column_count'"
    )
    return f"""case
                when trim(__raw, ' \t\r') = '' then '{BLANK}' {otherwise}
            end"""


def _output(planned: _ByPlan) -> str:
    """Give the columns of the lake; refused rows in the columns the page head says."""
    query, event = planned.query, planned.query.event
    good = "__reason is null"
    columns: dict[str, str] = {
        "event_id": f"case when {good} then coalesce(__id, {_content_id(query)}) "
        f"else {planned.detail} end",
        "event_name": "coalesce(__reason, __name)",
        "occurred_at": "__occurred_at",
        "received_at": "__received_at",
        **{column: f"__{column}" for column in ID_COLUMNS},
        **event.texts,
        **{column: f"__{column}" for column in AMOUNT_COLUMNS},
        "source": text(query.source),
        "load_id": text(query.load_id),
    }
    columns["category"] = f"case when {good} then {columns['category']} else __file end"
    columns["value"] = f"case when {good} then __value else __line end"
    columns["properties"] = f"case when {good} then {event.properties} else __raw end"
    listed = [
        f"({columns[column.name]})::{column.type} as {column.name}"
        for column in EVENT_COLUMNS
    ]
    day = f"case when {good} then __occurred_at::date end as date"
    return ",\n    ".join((*listed, day))


def _content_id(query: GroupQuery) -> str:
    """Give the id of an event without one: a hash of all that it says.

    JSON codes null and '' differently. Going through VARIANT sorts the keys of the
    properties, so that a client's order of keys is no difference.
    """
    event = query.event
    properties = event.properties
    parts: Sequence[str] = (
        text(query.source),
        "__user_id",
        "case when __user_id is null then __anonymous_id end",
        "__name",
        "__occurred_at::varchar",
        f"coalesce(try(({properties})::json::variant::json::varchar), {properties})",
        "__revenue::varchar",
        "__value::varchar",
        "__vendor_session_id",
        *event.texts.values(),
    )
    return f"md5(to_json([{', '.join(parts)}])::varchar)"

"""Declared fields inside the properties: where they stand, and the text without them.

Belongs here: finding nodes of JSON by the names of a plan, and the merge patches (RFC
7396) that replace them. Not here: what replaces a value (`replacements`).

Tables of the connection: `staged` (a row of a load, known by `filename` and
`file_row_number`) goes in, `found_fields` and `patches` come out. A field that stands
in a list stands for the whole list, because a merge patch replaces lists whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb

from ingestion.privacy.plan import FieldRule, PrivacyPlan
from ingestion.sql_text import text

IDS_KEY: Final = "$ids"
_IDS_PATH: Final = '$."$ids"'
# Up to here one look for each name is cheaper than a pattern (0.03 s to 0.3 s for 1M).
_MOST_SIGNS: Final = 9


def find_fields(
    connection: duckdb.DuckDBPyConnection,
    rules: Sequence[FieldRule],
    *,
    ids: Sequence[str] = (),
    json_column: str = "properties",
    event: str | None = "event_name",
    rows: str = "staged",
) -> None:
    """Make `found_fields`: row, path, depth, action and text of each declared field.

    `ids` are columns whose very texts are hashed wherever they stand as a whole text.
    `rows` is the table or view looked at.
    """
    _rules_table(connection, rules)
    connection.execute(
        "create or replace temp table found_fields "
        "(filename varchar, file_row_number bigint, path varchar, action varchar, "
        "value varchar)"
    )
    if not rules and not ids:
        return
    own = " or ".join(f"leaf = {column}" for column in ids) or "false"
    # No other column may come along: events have a column `value` too.
    named = ", ".join(("filename, file_row_number", *ids, *([event] if event else ())))
    chosen = f"select {named}, {json_column} as whole from {rows}"
    where = _may_have(rules, ids, json_column)
    of_event = f"(rule.event is null or rule.event = node.{event})"
    connection.execute(
        f"""
insert into found_fields
with nodes as (
    select
        s.*,
        regexp_replace(n.key, '^\\$event\\.', '') as key,
        n.fullkey,
        n.value as node_text,
        n.type,
        case when n.type = 'VARCHAR' then json_extract_string(n.value, '$') end as leaf,
        regexp_replace(n.fullkey, '"|\\[[0-9]+\\]', '', 'g') as place
    from ({chosen} where {where}) as s, json_tree(s.whole) as n
    where n.key is not null and n.type <> 'NULL'
),
ruled as (
    select node.*, rule.action, rule.priority
    from nodes as node
    inner join personal_rules as rule
        on (case when rule.is_place then node.place else node.key end) = rule.name
        and {of_event if event else "rule.event is null"}
        and not (rule.name = 'user' and node.type = 'OBJECT')
    union all
    select *, 'hash', 9 from nodes where {own}
),
chosen as (
    select
        *,
        -- A list is replaced whole, from the outermost bracket on.
        regexp_extract(fullkey, '^((?:[^"\\[]|"(?:[^"\\\\]|\\\\.)*")*)\\[', 1) as list
    from ruled
    qualify row_number() over (
        partition by filename, file_row_number, fullkey order by priority
    ) = 1
)
select
    filename,
    file_row_number,
    case when list = '' then fullkey else list end,
    action,
    case
        when list <> '' then try(json_extract(whole, list))::varchar
        else coalesce(leaf, node_text::varchar)
    end
from chosen
where action <> 'keep' and list <> {text(_IDS_PATH)} and fullkey <> {text(_IDS_PATH)}
-- The strictest of the rules for the members of one list.
qualify row_number() over (
    partition by
        filename, file_row_number, case when list = '' then fullkey else list end
    order by action = 'hash', action = 'encrypt'
) = 1"""
    )


def find_ids(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `found_ids`: row, position and text of every member of `$ids`."""
    connection.execute(
        "create or replace temp table found_ids as "
        "select filename, file_row_number, unnest(ids) as value, "
        "generate_subscripts(ids, 1) as position from ("
        "select filename, file_row_number, "
        f"json_extract_string(properties, '{_IDS_PATH}[*]') as ids "
        f"from staged where contains(properties, {text(IDS_KEY)})) where len(ids) > 0"
    )


def make_patches(connection: duckdb.DuckDBPyConnection, *, with_ids: bool) -> None:
    """Make `patches`: row, and the patches to be applied to it, innermost first."""
    ids = (
        """
union all
select
    filename, file_row_number, 1,
    '{"$ids":' || to_json(
        list(coalesce(replacement, found_ids.value) order by position)
    )::varchar || '}'
from found_ids
left join replaced on action = 'hash' and replaced.value = found_ids.value
group by 1, 2"""
        if with_ids
        else ""
    )
    connection.execute(
        f"""
create or replace temp table patches as
with steps as (
    select
        filename, file_row_number, f.action, replacement,
        list_transform(
            regexp_extract_all(path, '\\.("(?:[^"\\\\]|\\\\.)*"|[^."\\[]+)', 1),
            lambda step: case
                when starts_with(step, '"')
                    then replace(replace(step[2:-2], '\\"', '"'), '\\\\', '\\')
                else step
            end
        ) as keys
    from found_fields as f
    left join replaced on replaced.action = f.action and replaced.value = f.value
),
single as (
    select
        filename,
        file_row_number,
        len(keys) as depth,
        array_to_string(
            list_transform(keys, lambda key: '{{' || to_json(key)::varchar || ':'), ''
        )
        || coalesce(to_json(replacement)::varchar, 'null')
        || repeat('}}', len(keys)) as patch
    from steps{ids}
)
select filename, file_row_number, list(patch order by depth desc) as patches
from single
group by 1, 2"""
    )


def patched(value: str, patches: str) -> str:
    """Give JSON text with a list of patches applied, itself where there are none."""
    return (
        f"case when {patches} is null then {value} else list_reduce({patches}, "
        f"lambda whole, patch: json_merge_patch(whole, patch)::varchar, {value}) end"
    )


def _rules_table(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[FieldRule]
) -> None:
    connection.execute(
        "create or replace temp table personal_rules (name varchar, is_place boolean, "
        "event varchar, action varchar, priority bigint)"
    )
    for rule in rules:
        is_place = "." in rule.name
        name = f"$.{rule.name}" if is_place else rule.name
        connection.execute(
            "insert into personal_rules values (?, ?, ?, ?, ?)",
            [name, is_place, rule.event, rule.action, rule.rank],
        )


def _may_have(rules: Sequence[FieldRule], ids: Sequence[str], column: str) -> str:
    """Give a cheap condition for rows that may hold a declared field.

    A backslash may be part of an escaped name. Of a place the holder is looked for:
    `id` alone stands in nearly every event.
    """
    ends = sorted({sign for rule in rules for sign in _signs(rule.name)})
    if len(ends) <= _MOST_SIGNS:
        parts = [f"contains({column}, {text(end)})" for end in ends]
    else:
        pattern = "|".join(_quoted(end) for end in ends)
        parts = [f"regexp_matches({column}, {text(pattern)})"]
    parts += [f"coalesce(contains({column}, {one}), false)" for one in ids]
    return " or ".join((*parts, f"contains({column}, '\\')"))


def _signs(rule_name: str) -> tuple[str, ...]:
    *holders, last = rule_name.split(".")
    if not holders:
        return (f'{last}"',)
    # As one name with a dot, too.
    return (f'{holders[-1]}"', f"{holders[-1]}.{last}")


def _quoted(literal: str) -> str:
    """Give a text as a pattern that matches itself (RE2)."""
    return "".join(
        one if one.isalnum() or one in '_"' or ord(one) > 127 else f"\\{one}"
        for one in literal
    )


def identity_rules(plan: PrivacyPlan, names: Sequence[str]) -> list[FieldRule]:
    """Give the rules of an event without consent: all that is personal is dropped."""
    declared = {rule.name for rule in plan.fields if rule.action != "keep"}
    return [FieldRule(name, "drop") for name in sorted({*declared, *names})]

"""Personal data that nobody declared: e-mail, phone and card numbers in free text.

Belongs here: the patterns, the scan of landed events, masked examples. Not here: fields
that are declared (`fields`), who is shown the findings (the CLI and the night's gate).

A finding says where and how often, never what: an example keeps a letter or the last
digits. A pattern is no proof; a number of 16 digits passes the check of card numbers
(Luhn, ISO/IEC 7812-1) one time in ten, so cards also need a first digit that is issued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import duckdb

from ingestion.privacy.plan import PrivacyPlan
from ingestion.sql_text import text, text_list

Kind = Literal["email", "phone", "card"]

_EMAIL: Final = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
# International, or written in groups as people write numbers, but not as dates are.
_PHONE: Final = (
    r"(?:^|[^0-9A-Za-z+.-])((?:\+|00)[1-9][0-9]?(?:[ ().-]{0,2}[0-9]){7,12}"
    r"|\([0-9]{2,5}\)[ -]?[0-9]{3,4}[ -]?[0-9]{3,4}"
    r"|[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4})(?:$|[^0-9A-Za-z-])"
)
_CARD: Final = r"(?:^|[^0-9A-Za-z.-])([2-6](?:[ -]?[0-9]){12,18})(?:$|[^0-9A-Za-z-])"
# What may hold any of them, looked for in the whole text of the properties.
_HINT: Final = r"\+[1-9]|\([0-9]{2}|[0-9](?:[ ().-]{0,2}[0-9]){8}"
# What the door itself has written.
_OWN: Final = r"^(?:enc:[a-z0-9]{1,16}:.*|[a-z0-9]{1,16}:[0-9a-f]{32})$"
_MOST_FINDINGS: Final = 500
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class FreeTextFinding:
    """A property in which texts look like personal data.

    `property` is its place (`$set.email`, `items[].note`), `value_count` how many of
    its texts match, `examples` up to three of them, masked.
    """

    source: str
    event_name: str
    property: str
    kind: Kind
    value_count: int
    examples: tuple[str, ...]


def scan_loads(
    lake_dir: Path,
    plan: PrivacyPlan,
    *,
    load_ids: Sequence[str] | None = None,
    sources: Sequence[str] = (),
    threads: int = 2,
    memory_limit: str = "2GB",
) -> tuple[FreeTextFinding, ...]:
    """Scan the properties of landed events for texts that look like personal data.

    `load_ids` None means every load, `sources` empty every source. Fields that the plan
    declares are left out, whatever is done with them. Most frequent first.
    """
    events = lake_dir / "events"
    folders = (
        ["load=*"] if load_ids is None else [f"load={load_id}" for load_id in load_ids]
    )
    globs = [
        events / folder / "date=*" / "*.parquet"
        for folder in folders
        if any(events.glob(f"{folder}/date=*/*.parquet"))
    ]
    if not globs:
        return ()
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": memory_limit,
    }
    with duckdb.connect(":memory:", config=config) as connection:
        rows = connection.execute(_scan_sql(globs, plan, sources)).fetchall()
    return tuple(
        FreeTextFinding(source, event, place, kind, int(count), tuple(examples or ()))
        for source, event, place, kind, count, examples in rows
    )


def _scan_sql(globs: Sequence[Path], plan: PrivacyPlan, sources: Sequence[str]) -> str:
    chosen = f" and source in ({text_list(sources)})" if sources else ""
    names = {rule.name for rule in plan.fields}
    declared = text_list(sorted(names | {f"$.{name}" for name in names})) or "''"
    return f"""
with texts as (
    select
        s.source,
        s.event_name,
        regexp_replace(n.fullkey, '\\[[0-9]+\\]', '[]', 'g') as place,
        n.key,
        json_extract_string(n.value, '$') as leaf
    from (
        select source, event_name, properties
        from read_parquet([{text_list(globs)}], hive_partitioning = false)
        where (contains(properties, '@') or regexp_matches(properties, {text(_HINT)}))
        {chosen}
    ) as s, json_tree(s.properties) as n
    where n.type = 'VARCHAR'
),
free as (
    select * from texts
    where key not in ({declared})
        and replace(replace(place, '"', ''), '[]', '') not in ({declared})
        and not regexp_matches(leaf, {text(_OWN)})
),
found as (
    select *, 'email' as kind, unnest(regexp_extract_all(leaf, {text(_EMAIL)})) as hit
    from free
    union all
    select *, 'phone', unnest(regexp_extract_all(leaf, {text(_PHONE)}, 1)) from free
    union all
    select *, 'card', unnest(regexp_extract_all(leaf, {text(_CARD)}, 1)) from free
),
judged as (
    select * replace (
            -- A key may be somebody's address itself.
            regexp_replace(
                replace(replace(place, '"', ''), '$.', ''),
                {text(_EMAIL + "|[0-9]{7,}")}, '***', 'g'
            ) as place
        ),
        regexp_replace(hit, '[^0-9]', '', 'g') as digits
    from found
),
masked as (
    select source, event_name, place, kind, {_masked_sql()} as example
    from judged
    where kind <> 'card' or ({_luhn_sql("digits")})
),
examples as (
    select source, event_name, place, kind, example, count(*) as value_count
    from masked
    group by all
)
select
    source, event_name, place, kind, sum(value_count)::bigint,
    list_slice(list(example order by example), 1, {_EXAMPLES})
from examples
group by 1, 2, 3, 4
order by 5 desc, 1, 2, 3, 4
limit {_MOST_FINDINGS}"""


def _masked_sql() -> str:
    return """case kind
        when 'email' then
            left(hit, 1) || '***@' || left(split_part(hit, '@', 2), 1) || '***.'
            || split_part(hit, '.', -1)
        when 'phone' then
            case when starts_with(hit, '+') then '+' else '' end
            || '*** ' || right(digits, 2)
        else '**** **** **** ' || right(digits, 4)
    end"""


def _luhn_sql(digits: str) -> str:
    """Give the condition that a text of digits passes the Luhn check."""
    doubled = "2 * digit - case when digit > 4 then 9 else 0 end"
    return (
        f"list_sum(list_transform(string_split(reverse({digits}), ''), "
        "lambda one, position: list_transform([one::integer], lambda digit: "
        f"case when position % 2 = 0 then {doubled} else digit end)[1])) % 10 = 0"
    )

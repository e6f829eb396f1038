"""Erasing persons from the lake: their rows, and their ids in the rows of others.

Belongs here: which rows of loads and of the quarantine go, rewriting files. Not here:
who is who (`linked_ids`), what the manifests say then (`erasure_books`), landing files
(`landing_erasure`), everything outside lake and landing (the floor's `erasing`).

A plan is made by reading only. It holds the manifests as they will be, so that carrying
it out can be repeated after a kill at any instant: a file is replaced whole or not at
all, a file already replaced has nothing left to erase, and manifests are written last,
from the plan. A row belongs to a person by its own ids; where the row of another person
names one of them, the row stays and the id gives way to a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from ingestion.durable import exchange, sync
from ingestion.events import EVENT_COLUMNS
from ingestion.lake import Lake, Manifest
from ingestion.landed_tables import EVENTS, LANDED_TABLES, lake_tables
from ingestion.privacy.erasure_books import (
    FileCount,
    changed_manifests,
    write_manifest,
)
from ingestion.privacy.keys import CIPHERTEXT_PREFIX, KeyRing, KeyRingError
from ingestion.privacy.linked_ids import (
    ExpiredLinks,
    collect_linked_ids,
    create_shared_spans,
    lake_relation,
)
from ingestion.privacy.mentions import Mentions
from ingestion.privacy.remembered import normal_id
from ingestion.privacy.replacements import forget_pseudonyms
from ingestion.privacy.sent_ids import sent_ids
from ingestion.sql_text import name, text

_EVENT_IDS: Final = ("user_id", "anonymous_id")
# As `sources.verdicts` writes them.
_PARQUET: Final = (
    "format parquet, compression zstd, compression_level 1, write_bloom_filter false"
)


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What erasing some persons means for a lake.

    `ids` are theirs alone; `spans` say when devices shared with others were theirs
    (device, from, to). `manifests` are the new texts by path below the lake.
    `erased_rows` counts rows by table, `redacted_rows` those of others by table.
    """

    ids: tuple[str, ...]
    spans: tuple[tuple[str, str, str], ...] = ()
    shared_device_count: int = 0
    other_user_count: int = 0
    manifests: Mapping[str, str] = field(default_factory=dict)
    erased_rows: Mapping[str, int] = field(default_factory=dict)
    redacted_rows: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the plan as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ErasurePlan:
        """Read a plan."""
        spans = tuple((one[0], one[1], one[2]) for one in found["spans"])
        return cls(**{**found, "ids": tuple(found["ids"]), "spans": spans})

    def mentions(self) -> Mentions:
        """Give the patterns of the ids."""
        return Mentions(self.ids)


def plan_erasure(
    lake: Lake,
    asked: Sequence[str],
    junk_ids: Iterable[str] = (),
    ring: KeyRing | None = None,
    expired: ExpiredLinks | None = None,
    landing_dir: Path | None = None,
) -> ErasurePlan:
    """Collect the ids of the persons asked for, and what of them the lake holds.

    `ring` opens quarantined lines that are encrypted, and knows the pseudonyms under
    which an id may stand; what was sent for them is looked up in `landing_dir` and the
    quarantine. `expired` are links of days that are gone from the lake. Raises
    UnknownPersonError for ids that are nobody's or several persons'.
    """
    with _connection(ring) as connection:
        known = _with_pseudonyms(asked, ring)
        linked = collect_linked_ids(
            *(connection, lake.root, known, junk_ids), expired=expired
        )
        create_shared_spans(connection, lake.root)
        spans = connection.execute(
            "select device, valid_from::varchar, valid_to::varchar from shared_spans"
        ).fetchall()
        ids = linked.ids
        if ring and landing_dir:
            sent = sent_ids(connection, lake, landing_dir, ids, ring)
            ids = tuple(sorted({*ids, *sent}))
        mentions = Mentions(ids)
        counts = {
            table: _counted(connection, lake, table, mentions)
            for table in lake_tables()
            if any(lake.table(table).glob("load=*"))
        }
        refused = _quarantined(connection, lake, mentions)
        return ErasurePlan(
            ids=ids,
            spans=tuple((str(a), str(b), str(c)) for a, b, c in spans),
            shared_device_count=len(linked.shared_devices),
            other_user_count=linked.other_users,
            manifests=changed_manifests(lake, counts, refused, mentions),
            erased_rows={
                **{table: sum(one.erased for one in c) for table, c in counts.items()},
                "quarantine": sum(row[3] for row in refused),
            },
            redacted_rows={
                table: sum(one.redacted for one in c) for table, c in counts.items()
            },
        )


def erase_from_lake(lake: Lake, plan: ErasurePlan, ring: KeyRing | None = None) -> None:
    """Rewrite every file of the lake that holds the persons; may be repeated."""
    mentions = plan.mentions()
    with _connection(ring) as connection:
        _create_tables(connection, plan)
        for table in lake_tables():
            if any(lake.table(table).glob("load=*")):
                for counted in _counted(connection, lake, table, mentions):
                    _rewrite(connection, table, counted, mentions)
        for load_id in {row[0] for row in _quarantined(connection, lake, mentions)}:
            path = lake.quarantine_file(load_id)
            keep = f"not ({_named_in(_QUARANTINE_TEXT, mentions)})"
            rows = f"read_parquet({text(path)}, hive_partitioning = false)"
            select = f"select * from {rows} where {keep}"
            _replace_by(connection, select, path, "format parquet, compression zstd")
    forget_pseudonyms(lake.root, plan.ids)
    for relative, content in plan.manifests.items():
        write_manifest(lake.root / relative, Manifest.from_json(content))


def _with_pseudonyms(asked: Sequence[str], ring: KeyRing | None) -> list[str]:
    """Give the ids, and what stands for them in the lake if they are hashed."""
    known = [one.strip() for one in asked]
    return (
        [*known, *(other for one in known for other in ring.pseudonyms(one))]
        if (ring)
        else known
    )


def _connection(ring: KeyRing | None) -> duckdb.DuckDBPyConnection:
    """Give a connection that opens encrypted lines; they are few, and read one by one.

    What no key opens stays as it is.
    """

    def opened(content: str) -> str:
        try:
            return ring.decrypt(content) if ring else content
        except KeyRingError:
            return content

    connection = duckdb.connect()
    connection.create_function("opened_text", opened, ["VARCHAR"], "VARCHAR")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    return connection


def _create_tables(connection: duckdb.DuckDBPyConnection, plan: ErasurePlan) -> None:
    connection.execute(
        "create or replace temp table erased_persons_ids as select unnest(?) as id",
        [[*plan.ids]],
    )
    connection.execute(
        "create or replace temp table shared_spans "
        "(device varchar, valid_from timestamp, valid_to timestamp)"
    )
    if plan.spans:
        connection.executemany(
            "insert into shared_spans values (?, ?, ?)", [list(s) for s in plan.spans]
        )


def _counted(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: str, mentions: Mentions
) -> list[FileCount]:
    is_theirs, columns = _is_theirs(table), _text_columns(table)
    rows = connection.execute(
        "select parquet_file, count(*) filter (is_theirs), "
        "count(*) filter (not is_theirs and is_named) from ("
        f"select parquet_file, {is_theirs} as is_theirs, "
        f"{_is_mentioned(columns, mentions)} as is_named "
        f"from {lake_relation(lake.root, table)}) "
        "where is_theirs or is_named group by 1 order by 1"
    ).fetchall()
    return [FileCount(Path(file), int(a), int(b)) for file, a, b in rows]


def _is_theirs(table: str) -> str:
    """Give the condition, never null, that a row is of one of the persons."""
    own = "select id from erased_persons_ids"
    columns = _EVENT_IDS if table == EVENTS else LANDED_TABLES[table].identity_columns()
    parts = [f"{normal_id(column)} in ({own})" for column in columns]
    if table == EVENTS:
        # A known user's event is that user's, whatever device it came from.
        parts = [f"{normal_id('coalesce(user_id, anonymous_id)')} in ({own})"]
        parts.append(
            "user_id is null and exists (select 1 from shared_spans where "
            f"device = {normal_id('anonymous_id')} and occurred_at >= valid_from "
            "and occurred_at < valid_to)"
        )
        parts.append(
            "coalesce(user_id, anonymous_id) is null and "
            "case when contains(properties, '\"$ids\"') then list_has_any("
            "json_extract_string(properties, '$.\"$ids\"[*]'), "
            "(select list(id) from erased_persons_ids)) end"
        )
    return (
        "coalesce(" + " or ".join(f"({one})" for one in parts or ["false"]) + ", false)"
    )


def _text_columns(table: str) -> list[str]:
    if table == EVENTS:
        return [one.name for one in EVENT_COLUMNS if one.type == "VARCHAR"]
    types = LANDED_TABLES[table].types()
    return [column for column, type_ in types.items() if type_ == "VARCHAR"]


_QUARANTINE_TEXT: Final = (
    f"concat_ws(chr(10), case when starts_with(raw_text, {text(CIPHERTEXT_PREFIX)}) "
    "then opened_text(raw_text) else raw_text end, reason)"
)


def _is_mentioned(columns: Sequence[str], mentions: Mentions) -> str:
    whole = f"concat_ws(chr(10), {', '.join(map(name, columns))})"
    return _named_in(whole, mentions)


def _named_in(whole: str, mentions: Mentions) -> str:
    found = [
        f"regexp_matches({whole}, {text(pattern)})"
        for pattern, _ in mentions.sql_patterns
    ]
    return f"({' or '.join(found) or 'false'})"


def _redacted(column: str, mentions: Mentions) -> str:
    value = name(column)
    for pattern, word in mentions.sql_patterns * 2:
        value = f"regexp_replace({value}, {text(pattern)}, {text(word)}, 'g')"
    return f"{value} as {name(column)}"


def _rewrite(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    counted: FileCount,
    mentions: Mentions,
) -> None:
    path = counted.file
    rows = f"read_parquet({text(path)}, hive_partitioning = false)"
    # A pattern costs 2 ms to compile, and an event has 20 columns of text: only those
    # that name a person are rewritten.
    columns = _naming(connection, rows, table, mentions) if counted.redacted else []
    replaced = ", ".join(_redacted(column, mentions) for column in columns)
    chosen = f"* replace ({replaced})" if replaced else "*"
    select = f"select {chosen} from {rows} where not {_is_theirs(table)}"
    if not _replace_by(connection, select, path, _PARQUET):
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
        sync(path.parent if path.parent.exists() else path.parent.parent)


def _naming(
    connection: duckdb.DuckDBPyConnection, rows: str, table: str, mentions: Mentions
) -> list[str]:
    """Give the text columns of a file in which a person is named."""
    present = {row[0] for row in connection.execute(f"describe from {rows}").fetchall()}
    columns = [one for one in _text_columns(table) if one in present]
    flags = ", ".join(f"bool_or({_is_mentioned([c], mentions)})" for c in columns)
    found = connection.execute(f"select {flags} from {rows}").fetchone() or ()
    return [column for column, flag in zip(columns, found, strict=False) if flag]


def _replace_by(
    connection: duckdb.DuckDBPyConnection, select: str, path: Path, how: str
) -> int:
    """Write rows aside and put them in a file's place; give how many."""
    aside = path.with_name(f".{path.name}.erasing")
    written = connection.execute(f"copy ({select}) to {text(aside)} ({how})").fetchone()
    exchange(aside, path)
    return int(written[0]) if written else 0


def _quarantined(
    connection: duckdb.DuckDBPyConnection, lake: Lake, mentions: Mentions
) -> list[tuple[str, str, str, int]]:
    """Count open rows that name a person, by load, file and reason."""
    files = text(lake.quarantine / "load=*" / "*.parquet")
    rows = connection.execute(
        "select load_id, file, reason_code, count(*) "
        f"from read_parquet({files}, hive_partitioning = false) "
        f"where {_named_in(_QUARANTINE_TEXT, mentions)} group by all order by all"
    ).fetchall()
    return [(str(a), str(b), str(c), int(d)) for a, b, c, d in rows]

"""The lake: the directories of facts, and how a load comes to exist whole or not.

Belongs here: the layout, load ids, the lock, manifests, commit and recovery. Not
here: which files are new (`landing`), how lines become rows (`loading`, `sources`).

A load holds rows of one table: `events`, or one of `landed_tables`. It is written
under `.incoming/<load_id>/` as `<table>/`, `quarantine/` and `closed/`, then renamed
into place: the quarantine first, then the rows with their manifest, whose presence is
the commit; then the files of `closed/` replace the quarantine files whose rows this
load answers. Load ids are unique over all tables. A run killed before the commit leaves
nothing that counts; one killed after it is finished by the next start.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

from ingestion.durable import sync
from ingestion.events import EVENT_COLUMNS
from ingestion.field_profile import FieldSeen, fields_of
from ingestion.landed_tables import EVENTS, LANDED_TABLES, lake_tables
from ingestion.sql_text import text

GENESIS_LOAD: Final = "00000000T000000000000"
MANIFEST_NAME: Final = "manifest.json"
QUARANTINE_FILE: Final = "rows.parquet"
QUARANTINE_COLUMNS: Final[dict[str, str]] = {
    "load_id": "VARCHAR",
    "source": "VARCHAR",
    "file": "VARCHAR",
    "line_number": "BIGINT",
    "reason_code": "VARCHAR",
    "reason": "VARCHAR",
    "raw_text": "VARCHAR",
    "quarantined_at": "TIMESTAMP",
}
_ID_FORMAT: Final = "%Y%m%dT%H%M%S%f"


class LakeBusyError(RuntimeError):
    """Another ingestion holds the lock of this lake."""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One input file of a load, path relative to the landing folder.

    `lines_read = landed + skipped + quarantined + erased`; blank lines are no lines.
    A file refused as a whole counts as one line read and one quarantined: the file
    itself. `erased` rows had landed or were quarantined, and are gone for good.
    """

    path: str
    sha256: str
    bytes: int
    mtime_ns: int
    lines_read: int
    landed: int
    quarantined: int
    skipped: int = 0
    blank: int = 0
    refused: bool = False
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of a load; `closed` are older quarantine rows that it answers."""

    lines_read: int = 0
    landed: int = 0
    quarantined: int = 0
    skipped: int = 0
    closed: int = 0
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a committed load holds and where it came from.

    `rewritten_files` are files of the landing folder as they stand since an erasure:
    known, and never loaded again. `new_fields` are those of events that no earlier load
    of the source has had; `filled_columns` counts events with a value in each column.
    `skipped_as_erased` are those of the skipped rows whose persons had been erased.
    """

    load_id: str
    committed_at: str
    source: str
    files: tuple[ManifestFile, ...] = ()
    totals: Totals = Totals()
    rows_per_date: Mapping[str, int] = field(default_factory=dict)
    quarantined_by_reason: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    property_keys: tuple[str, ...] = ()
    schema_changes: tuple[str, ...] = ()
    replay_of: tuple[str, ...] = ()
    closes: Mapping[str, int] = field(default_factory=dict)
    table: str = EVENTS
    rewritten_files: tuple[ManifestFile, ...] = ()
    new_fields: tuple[FieldSeen, ...] = ()
    filled_columns: Mapping[str, int] = field(default_factory=dict)
    skipped_by_reason: Mapping[str, int] = field(default_factory=dict)
    skipped_as_erased: int = 0

    def to_json(self) -> str:
        """Give the manifest as indented JSON text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read a manifest; unknown keys of later versions are left aside."""
        found: dict[str, Any] = json.loads(text)
        known = {f.name for f in fields(cls)} & found.keys()
        values: dict[str, Any] = {name: found[name] for name in known}
        for name in ("files", "rewritten_files"):
            values[name] = tuple(ManifestFile(**f) for f in found.get(name, ()))
        values["totals"] = Totals(**found.get("totals", {}))
        values["new_fields"] = fields_of(found.get("new_fields", ()))
        for name in ("columns", "property_keys", "schema_changes", "replay_of"):
            values[name] = tuple(found.get(name, ()))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Lake:
    """The paths of one lake."""

    root: Path

    @property
    def events(self) -> Path:
        """Where the loads of events are."""
        return self.root / "events"

    @property
    def quarantine(self) -> Path:
        """Where the rejected rows are."""
        return self.root / "quarantine"

    @property
    def incoming(self) -> Path:
        """Where loads are written before they exist."""
        return self.root / ".incoming"

    def table(self, name: str) -> Path:
        """Where the loads of a table are."""
        return self.root / name

    def load_ids(self, table: str = EVENTS) -> list[str]:
        """Give the committed loads of a table, oldest first, the genesis included."""
        return sorted(
            path.name.removeprefix("load=")
            for path in self.table(table).glob("load=*")
            if (path / MANIFEST_NAME).exists()
        )

    def all_load_ids(self) -> list[str]:
        """Give the committed loads of all tables, oldest first, each once."""
        return sorted({one for table in lake_tables() for one in self.load_ids(table)})

    def manifests(self) -> list[Manifest]:
        """Read every manifest of all tables but the geneses, oldest first."""
        paths = [
            (load_id, self.table(table) / f"load={load_id}" / MANIFEST_NAME)
            for table in lake_tables()
            for load_id in self.load_ids(table)
            if load_id != GENESIS_LOAD
        ]
        return [
            Manifest.from_json(path.read_text("utf-8")) for _, path in sorted(paths)
        ]

    def quarantine_file(self, load_id: str) -> Path:
        """Give the path of the open quarantine rows of one load."""
        return self.quarantine / f"load={load_id}" / QUARANTINE_FILE


@contextmanager
def open_lake(root: Path) -> Iterator[Lake]:
    """Lock the lake for one ingestion, after finishing or removing killed loads.

    Raises LakeBusyError when another process holds the lock. The lock dies with its
    process, so that a killed run never has to be unlocked by hand.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise LakeBusyError(
                f"another ingestion (process {holder}) is writing to {root}; wait "
                "until it has ended, or end it, and run again"
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        lake = Lake(root)
        recover(lake)
        ensure_genesis(lake)
        yield lake


def recover(lake: Lake) -> None:
    """Finish committed loads that were interrupted, remove the others' remains."""
    committed = set(lake.all_load_ids())
    for incoming in sorted(lake.incoming.glob("*")):
        if incoming.name in committed:
            _replace_closed(lake, incoming)
        shutil.rmtree(incoming)
    for orphan in lake.quarantine.glob("load=*"):
        if orphan.name.removeprefix("load=") not in committed | {GENESIS_LOAD}:
            shutil.rmtree(orphan)


def ensure_genesis(lake: Lake) -> None:
    """Make the empty first load of each table, so that readers' globs always match."""
    missing = [
        table
        for table in lake_tables()
        if not (lake.table(table) / f"load={GENESIS_LOAD}" / MANIFEST_NAME).exists()
    ]
    if not missing:
        return
    columns = {table.name: table.types() for table in LANDED_TABLES.values()}
    columns[EVENTS] = {column.name: column.type for column in EVENT_COLUMNS}
    with duckdb.connect() as connection:
        for table in missing:
            _make_genesis(connection, lake, table, columns[table])


def _make_genesis(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    table: str,
    columns: Mapping[str, str],
) -> None:
    incoming = lake.incoming / GENESIS_LOAD
    shutil.rmtree(incoming, ignore_errors=True)
    _write_empty(connection, incoming / table / "date=1970-01-01/part.parquet", columns)
    if table == EVENTS:
        _write_empty(
            connection, incoming / "quarantine" / QUARANTINE_FILE, QUARANTINE_COLUMNS
        )
        # Left by a genesis that was killed between its two renames.
        shutil.rmtree(lake.quarantine / f"load={GENESIS_LOAD}", ignore_errors=True)
    moment = "1970-01-01T00:00:00+00:00"
    commit(lake, Manifest(GENESIS_LOAD, moment, "", table=table))


def next_load_id(lake: Lake, now: datetime) -> str:
    """Give an id that sorts after every load: the instant, or last + 1 us."""
    moment = now.astimezone(UTC)
    ids = [load_id for load_id in lake.all_load_ids() if load_id != GENESIS_LOAD]
    if ids:
        last = datetime.strptime(ids[-1], _ID_FORMAT).replace(tzinfo=UTC)
        moment = max(moment, last + timedelta(microseconds=1))
    return moment.strftime(_ID_FORMAT)


def commit(lake: Lake, manifest: Manifest) -> None:
    """Make the load that stands in `.incoming/<load_id>/` part of the lake."""
    incoming = lake.incoming / manifest.load_id
    rows = incoming / manifest.table
    rows.mkdir(parents=True, exist_ok=True)
    (rows / MANIFEST_NAME).write_text(manifest.to_json(), "utf-8")
    for part in (manifest.table, "quarantine", "closed"):
        _sync_tree(incoming / part)
    quarantine = incoming / "quarantine"
    if quarantine.exists():
        _rename(quarantine, lake.quarantine / f"load={manifest.load_id}")
    _rename(rows, lake.table(manifest.table) / f"load={manifest.load_id}")
    _replace_closed(lake, incoming)
    shutil.rmtree(incoming)


def schema_changes(
    keys: Sequence[str], source: str, earlier: Sequence[Manifest]
) -> tuple[str, ...]:
    """Give the property keys that no earlier load of the source has seen.

    The first load of a source has none: everything would be new.
    """
    same = [manifest for manifest in earlier if manifest.source == source]
    if not same:
        return ()
    seen = {key for manifest in same for key in manifest.property_keys}
    return tuple(sorted(set(keys) - seen))


def _replace_closed(lake: Lake, incoming: Path) -> None:
    for path in sorted((incoming / "closed").glob("*.parquet")):
        target = lake.quarantine_file(path.stem)
        path.replace(target)
        sync(target.parent)


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    sync(target.parent)


def _write_empty(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: Mapping[str, str]
) -> None:
    path.parent.mkdir(parents=True)
    listed = ", ".join(f"null::{type_} as {name}" for name, type_ in columns.items())
    connection.execute(
        f"copy (select {listed} where false) to {text(path)} (format parquet)"
    )


def _sync_tree(root: Path) -> None:
    for directory, _, names in os.walk(root):
        for name in names:
            sync(Path(directory) / name)
        sync(Path(directory))

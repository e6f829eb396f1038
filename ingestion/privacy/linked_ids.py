"""All ids of a person: whoever is linked in the lake, and nobody else.

Belongs here: links between ids as events and tables carry them, and who they make one
person. Not here: removing anything (`erasure`).

The rules are those of the identity models of the warehouse, which may be absent when
somebody has to be erased: links are taken in order of time, and one that would join two
known users is refused (a shared device is no person). That is the minimum spanning tree
of the graph with one more node that every user hangs on. Only the part of the graph
around the ids asked for is looked at. What happened on a shared device without a user
is the last user's seen there before, or the first one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from ingestion.events import NO_IDENTITY
from ingestion.landed_tables import EVENTS, LANDED_TABLES
from ingestion.privacy.remembered import normal_id
from ingestion.sql_text import text, text_list

# Columns whose ids are one person's; a `unit_id` may be an account's.
LINKED_COLUMNS: Final = ("user_id", "anonymous_id", "email")
_MAX_ROUNDS: Final = 1000


class UnknownPersonError(ValueError):
    """An id by which nobody can be erased; the message says which and why."""


@dataclass(frozen=True, slots=True)
class ExpiredLinks:
    """Links of days that the lake no longer holds, as the warehouse still knows them.

    `links` has the columns one, other, linked_at, event_id, is_login (`one` is a device
    then, `other` its user); `users` has the column id.
    """

    links: pa.Table
    users: pa.Table


@dataclass(frozen=True, slots=True)
class LinkedIds:
    """The ids of the persons asked for.

    `ids` are theirs alone. On `shared_devices` others are known too, and only some
    spans of time are theirs (table `shared_spans` of the connection). `other_users`
    counts known users that a link names, and who are other persons.
    """

    ids: tuple[str, ...]
    shared_devices: tuple[str, ...]
    other_users: int


def lake_relation(lake_dir: Path, table: str) -> str:
    """Give the rows of a landed table, with the path of their file."""
    files = text(lake_dir / table / "load=*" / "date=*" / "*.parquet")
    return (
        f"read_parquet({files}, hive_partitioning = false, union_by_name = true, "
        "filename = 'parquet_file')"
    )


def collect_linked_ids(
    connection: duckdb.DuckDBPyConnection,
    lake_dir: Path,
    asked: Sequence[str],
    junk_ids: Iterable[str] = (),
    expired: ExpiredLinks | None = None,
) -> LinkedIds:
    """Collect every id of the persons who have one of the ids asked for.

    `expired` are links of days that are gone from the lake. Leaves the tables
    `expired_links`, `shared_devices` (id) and `erased_persons_ids` (id) on the
    connection. Raises UnknownPersonError for an id that is nobody's (junk), and for a
    shared device, which is several persons'.
    """
    junk = {*NO_IDENTITY, *(one.lower() for one in junk_ids)}
    seeds = _normal(asked)
    refused = sorted(one for one in seeds if one.strip().lower() in junk)
    if refused:
        raise UnknownPersonError(
            f"{refused[0]!r} is what clients send when they know nobody: name an id of "
            "the person"
        )
    _create_expired(connection, expired)
    _create_links(connection, lake_dir, junk)
    ids = set(seeds)
    for _ in range(_MAX_ROUNDS):
        persons = _persons_of(connection, ids)
        if persons <= ids:
            break
        ids |= persons
    _refuse_shared_seeds(connection, seeds, ids)
    return _separated(connection, ids)


def _normal(asked: Sequence[str]) -> set[str]:
    stripped = {one.strip() for one in asked}
    return {one.lower() if "@" in one else one for one in stripped if one}


def _create_expired(
    connection: duckdb.DuckDBPyConnection, expired: ExpiredLinks | None
) -> None:
    """Make `expired_links` and `expired_users`, empty where the lake has all days."""
    connection.execute(
        "create or replace temp table expired_links (one varchar, other varchar, "
        "linked_at timestamp, event_id varchar, is_login boolean)"
    )
    connection.execute("create or replace temp table expired_users (id varchar)")
    if expired is None:
        return
    for table, rows in (
        ("expired_links", expired.links),
        ("expired_users", expired.users),
    ):
        connection.register("rows_of_the_warehouse", rows)
        connection.execute(f"insert into {table} by name from rows_of_the_warehouse")
        connection.unregister("rows_of_the_warehouse")


def _create_links(
    connection: duckdb.DuckDBPyConnection, lake_dir: Path, junk: set[str]
) -> None:
    """Make `links` (one, other, linked_at), both ways, and `known_users` (id)."""
    selects = [
        _event_links(lake_dir),
        "select one, other, linked_at from expired_links",
    ]
    users = [
        f"select user_id as id from {lake_relation(lake_dir, EVENTS)}",
        "select id from expired_users",
    ]
    for table in LANDED_TABLES.values():
        columns = [c for c in table.identity_columns() if c in LINKED_COLUMNS]
        if "user_id" in columns and any(lake_dir.glob(f"{table.name}/load=*")):
            relation = lake_relation(lake_dir, table.name)
            users.append(f"select user_id as id from {relation}")
            selects += [
                f"select user_id as one, {column} as other, {table.time}::timestamp "
                f"as linked_at from {relation} where user_id is not null"
                for column in columns
                if column != "user_id"
            ]
    is_nobody = f"lower(trim({{}})) in ({text_list(sorted(junk))})"
    connection.execute(
        "create or replace temp table known_users as select distinct "
        f"{normal_id('id')} as id from ({' union all '.join(users)}) "
        f"where id is not null and not {is_nobody.format('id')}"
    )
    connection.execute(
        "create or replace temp table links as with pairs as ("
        f"select {normal_id('one')} as one, {normal_id('other')} as other, "
        f"min(linked_at) as linked_at from ({' union all '.join(selects)}) "
        f"where not {is_nobody.format('one')} and not {is_nobody.format('other')} "
        "group by all having one <> other) "
        "select one, other, linked_at from pairs "
        "union all select other, one, linked_at from pairs"
    )


def _event_links(lake_dir: Path) -> str:
    events = lake_relation(lake_dir, EVENTS)
    carried = "json_extract_string(properties, '$.\"$ids\"[*]')"
    return (
        f"select user_id as one, anonymous_id as other, occurred_at as linked_at "
        f"from {events} where user_id is not null and anonymous_id is not null "
        f"union all select coalesce(user_id, anonymous_id), unnest({carried}), "
        f"occurred_at from {events} where contains(properties, '\"$ids\"') "
        "and coalesce(user_id, anonymous_id) is not null"
    )


def _persons_of(connection: duckdb.DuckDBPyConnection, ids: set[str]) -> set[str]:
    """Give the ids that are one person with any of the ids."""
    connection.execute(
        "create or replace temp table reached as select unnest(?) as id, 0 as round",
        [sorted(ids)],
    )
    for number in range(_MAX_ROUNDS):
        # From a user who was asked for; otherwise only from ids that are no users.
        added = connection.execute(
            "insert into reached select distinct links.other, ? from reached "
            "join links on links.one = reached.id where reached.round = ? "
            "and (reached.round = 0 or reached.id not in (select id from known_users))"
            " and links.other not in (select id from reached)",
            [number + 1, number],
        ).fetchone()
        if not added or not added[0]:
            break
    edges = connection.execute(
        "select one, other, min(linked_at) as linked_at, "
        "one in (select id from known_users) as is_user, "
        "other in (select id from known_users) as is_other_user from links "
        "where one < other and one in (select id from reached) "
        "and other in (select id from reached) group by all "
        "order by linked_at, one, other"
    ).df()
    return _joined(edges, ids)


def _joined(edges: pd.DataFrame, ids: set[str]) -> set[str]:
    """Resolve ordered links, one row per pair, and give those of the ids' persons."""
    if edges.empty:
        return set(ids)
    codes, names = pd.factorize(pd.concat([edges["one"], edges["other"]]))
    left, right = np.split(codes, 2)
    flags = edges[["is_user", "is_other_user"]].to_numpy(bool)
    users = np.unique(np.concatenate([left[flags[:, 0]], right[flags[:, 1]]]))
    root = len(names)
    weights = np.concatenate([np.arange(1.0, len(left) + 1), np.full(len(users), 0.5)])
    rows = np.concatenate([left, users])
    columns = np.concatenate([right, np.full(len(users), root)])
    graph = coo_array((weights, (rows, columns)), shape=(root + 1, root + 1)).tocsr()
    tree = minimum_spanning_tree(graph).tocsr()[:root, :root]
    _, labels = connected_components(tree, directed=False)
    index = pd.Index(names)
    wanted = labels[index.isin(list(ids))]
    return {*ids, *index[np.isin(labels, wanted)]}


def _refuse_shared_seeds(
    connection: duckdb.DuckDBPyConnection, seeds: set[str], ids: set[str]
) -> None:
    found = connection.execute(
        "with asked as (select unnest(?) as id), persons as (select unnest(?) as id) "
        "select asked.id, count(distinct other) from asked "
        "join links on one = asked.id join known_users on other = known_users.id "
        "where asked.id not in (select id from known_users) group by 1 "
        "having count(distinct other) > 1 "
        "and bool_or(other not in (select id from persons)) order by 1",
        [sorted(seeds), sorted(ids)],
    ).fetchone()
    if found:
        raise UnknownPersonError(
            f"{found[0]!r} is a device on which {found[1]} known users were seen: name "
            "the user who is to be erased"
        )


def _separated(connection: duckdb.DuckDBPyConnection, ids: set[str]) -> LinkedIds:
    """Tell ids of the persons alone from devices that they share with others."""
    connection.execute(
        "create or replace temp table persons_ids as select unnest(?) as id",
        [sorted(ids)],
    )
    connection.execute(
        "create or replace temp table shared_devices as with near as ("
        "select id from persons_ids union select other from links where one in "
        "(select id from persons_ids) and one in (select id from known_users)) "
        "select id from near where id not in (select id from known_users) "
        "and id in (select one from links join known_users on other = id "
        "where id not in (select id from persons_ids))"
    )
    connection.execute(
        "create or replace temp table erased_persons_ids as select id from persons_ids "
        "where id not in (select id from shared_devices)"
    )
    shared = connection.execute("select id from shared_devices order by 1").fetchall()
    own = connection.execute("select id from erased_persons_ids order by 1").fetchall()
    others = connection.execute(
        "select count(distinct other) from links join known_users on other = id "
        "where one in (select id from known_users) "
        "and one in (select id from persons_ids) "
        "and other not in (select id from persons_ids)"
    ).fetchone()
    return LinkedIds(
        tuple(str(one) for (one,) in own),
        tuple(str(one) for (one,) in shared),
        int(others[0]) if others else 0,
    )


def create_shared_spans(connection: duckdb.DuckDBPyConnection, lake_dir: Path) -> None:
    """Make `shared_spans`: when a shared device was in the persons' hands.

    Always, where only links of devices make it theirs and their users never logged in.
    After `collect_linked_ids` on the same connection.
    """
    logins = (
        "select anonymous_id, user_id, occurred_at, event_id from "
        f"{lake_relation(lake_dir, EVENTS)} where user_id is not null union all "
        "select one, other, linked_at, event_id from expired_links where is_login"
    )
    connection.execute(
        "create or replace temp table shared_spans as with logins as ("
        f"select {normal_id('anonymous_id')} as device, {normal_id('user_id')} "
        "in (select id from erased_persons_ids) as is_theirs, occurred_at, "
        "row_number() over in_order as position, "
        f"lead(occurred_at) over in_order as next_at from ({logins}) "
        f"where {normal_id('anonymous_id')} in "
        "(select id from shared_devices) "
        "window in_order as (partition by device order by occurred_at, event_id)) "
        "select device, case when position = 1 then timestamp '0001-01-01' "
        "else occurred_at end as valid_from, "
        "coalesce(next_at, timestamp '9999-12-31') as valid_to "
        "from logins where is_theirs union all "
        "select id, timestamp '0001-01-01', timestamp '9999-12-31' "
        "from shared_devices where id in (select id from persons_ids) "
        "and id not in (select device from logins where is_theirs)"
    )

"""Whose an id was taken to be, and from when to when: the books of identities.

Who somebody is changes as links become known, and what the past nights knew cannot be
computed anew. So each night writes down what it knows differently; with these books a
report of last month can be reproduced as it was known then.
"""

from __future__ import annotations

import pandas as pd

from dagster_project.ledger import Booking, Ledger
from dagster_project.tables import IDENTITY_HISTORY, IDENTITY_LEDGER
from dagster_project.warehouse import Warehouse, parquet_relation

# Ids that stand for themselves need no row: everybody's do until a link is known.
_CURRENT = """
    select identity, valid_from, valid_to, person_id
    from marts.dim_person_identities
    where
        person_id <> identity
        or valid_from > timestamp '0001-01-01'
        or valid_to < timestamp '9999-12-31'
"""


def record_identities(ledger: Ledger, warehouse: Warehouse, booking: Booking) -> int:
    """Write down the ids known differently from the last time; return their rows."""
    earlier = [f for f in ledger.files(IDENTITY_LEDGER) if f.stem != booking.run_id]
    known_from = booking.at.replace(tzinfo=None)
    frame = warehouse.read(
        f"""
        with current_spans as ({_CURRENT}),
        books as (select * from {parquet_relation(IDENTITY_LEDGER, earlier)}),
        known_spans as (
            select identity, valid_from, valid_to, person_id
            from books
            qualify known_from = max(known_from) over (partition by identity)
        ),
        changed as (
            (select * from current_spans except select * from known_spans)
            union all
            (select * from known_spans except select * from current_spans)
        ),
        -- An id whose link was taken back stands for itself again.
        own as (
            select
                identity,
                timestamp '0001-01-01' as valid_from,
                timestamp '9999-12-31' as valid_to,
                identity as person_id
            from changed
            where identity not in (select identity from current_spans)
        )
        select distinct *, ?::timestamp as known_from
        from (
            select * from current_spans
            where identity in (select identity from changed)
            union all
            select * from own
            where (identity, person_id) not in (
                select identity, person_id from known_spans
            )
        )
        """,
        [known_from],
    )
    if len(frame):
        ledger.record(IDENTITY_LEDGER, frame, booking.run_id)
    return len(frame)


def identity_history(ledger: Ledger, warehouse: Warehouse) -> pd.DataFrame:
    """Give every entry of the books with the time at which the next one replaced it."""
    books = parquet_relation(IDENTITY_LEDGER, ledger.files(IDENTITY_LEDGER))
    return warehouse.read(
        f"""
        select books.*, entries.known_to
        from {books} as books
        inner join (
            select
                identity,
                known_from,
                lead(known_from) over (
                    partition by identity order by known_from
                ) as known_to
            from (select distinct identity, known_from from {books})
        ) as entries using (identity, known_from)
        """
    )[list(IDENTITY_HISTORY.column_names)]

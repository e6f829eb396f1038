"""Refused lines: their text in the quarantine, and back again for a replay.

Belongs here: encrypting and opening the text of quarantined rows. Not here: why a line
is refused (`sources.verdicts`), where it waits (`ingestion.quarantine`).

A line that is no event cannot be searched for declared fields: what is malformed has
none, and what is good JSON holds them under the client's names. So a plan that needs a
key has the whole text encrypted, with what exactly was wrong (it quotes values); a
replay opens it and nothing is lost. A plan without a key masks IP addresses only.
"""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa

from ingestion.privacy.ip_addresses import masked_addresses
from ingestion.privacy.keys import CIPHERTEXT_PREFIX, KeyRingError, encrypted
from ingestion.privacy.plan import PrivacyPlan
from ingestion.sql_text import text

_OPENED: Final = "opened_texts"
# DuckDB quotes the value at fault in its messages.
_QUOTED: Final = r"""(?:"[^"]*"|'[^']*')"""


def protect_refused(connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan) -> None:
    """Rewrite the table `refused` of a load, so that it can be written to the lake."""
    if not plan.is_keyed:
        masked = masked_addresses("raw_text", plan.ip_addresses, plan.declared)
        connection.execute(
            f"update refused set raw_text = {masked} where raw_text is not null"
        )
        return
    connection.execute(
        f"update refused set detail = regexp_replace(detail, {text(_QUOTED)}, "
        "'(withheld)', 'g') where raw_text is null and detail is not null"
    )
    for column in ("detail", "raw_text"):
        rows = connection.execute(
            f"select distinct {column} from refused "
            f"where raw_text is not null and {column} is not null"
        ).fetchall()
        if not rows:
            continue
        values = [str(row[0]) for row in rows]
        made = encrypted(values, plan.the_ring().current)
        connection.register("sealed", pa.table({"plain": values, "made": made}))
        connection.execute(
            f"update refused set {column} = sealed.made from sealed "
            f"where refused.{column} = sealed.plain and refused.raw_text is not null"
        )
        connection.unregister("sealed")


def opened_rows(
    connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan, relation: str
) -> str:
    """Give a relation of `raw`, `file`, `line` with encrypted texts opened.

    Raises KeyRingError when one was encrypted and its key is not there.
    """
    sealed = f"starts_with(raw, {text(CIPHERTEXT_PREFIX)})"
    rows = connection.execute(
        f"select distinct raw from ({relation}) where {sealed}"
    ).fetchall()
    if not rows:
        return relation
    if plan.ring is None:
        raise KeyRingError(
            "refused lines were encrypted, and there is no key: set "
            "DAYBREAK_PERSONAL_KEYS to the keys of this home"
        )
    values = [str(row[0]) for row in rows]
    opened = pa.table({"raw": values, "plain": [plan.ring.decrypt(v) for v in values]})
    connection.register("opened", opened)
    connection.execute(f"create or replace temp table {_OPENED} as from opened")
    connection.unregister("opened")
    return (
        f"select coalesce({_OPENED}.plain, found.raw) as raw, file, line "
        f"from ({relation}) as found left join {_OPENED} using (raw)"
    )

"""growth.yml: what is wrong is told with its line; what is right becomes SQL."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

REFERRAL = """\
referrals:
  - name: invites
    sign_up: {event: page_viewed}
    invite: {event: email_sent}
    invitee: property('to')
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            REFERRAL.replace("email_sent", "email_send"),
            "growth.yml:4: referral 'invites': the event 'email_send' is not declared "
            "in events.yml. Did you mean 'email_sent'?",
        ),
        (REFERRAL.replace("property('to')", "too"), "growth.yml:5: referral 'invites'"),
        (
            REFERRAL + "    key: property('id')\n",
            "`accepted` and `key` belong together",
        ),
        (
            REFERRAL + "    accepted: {event: page_viewed}\n    key: platform\n",
            "give `invitee`, or `accepted` with `key`",
        ),
        (
            REFERRAL + "    invite_within: 3 fortnights\n",
            "'fortnights' is not a unit of time",
        ),
        (REFERRAL + "    credit: both\n", "'both' is not one of first, last"),
        (
            REFERRAL + "    rewards: {event: page_viewed, value: platform}\n",
            "a number is needed",
        ),
        (REFERRAL + "    credits: first\n", "Did you mean 'credit'?"),
        (
            REFERRAL + "    range: {from: 2026-02-01, to: 2026-01-01}\n",
            "the range ends before it begins",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, text: str, told: str
) -> None:
    (problem,) = problems_of(**{"growth.yml": text})
    assert told in problem
    assert problem.startswith("growth.yml:")


def test_defaults_and_sql(write_catalog: WriteCatalog, tmp_path: Path) -> None:
    catalog = load_catalog(write_catalog(**{"growth.yml": REFERRAL}))
    compile_catalog(catalog, CatalogSettings(), tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "catalog_referrals.parquet").to_pylist()
    assert (row["label"], row["credit"], row["periods"]) == (
        *("Invites", "first"),
        '["week"]',
    )
    assert row["invite_within_seconds"] == row["accept_within_seconds"] == 30 * 86_400
    assert row["invite_filter_sql"] == "event_name IN ('email_sent')"
    assert row["accepted_filter_sql"] == row["reward_filter_sql"] == "FALSE"
    assert not row["has_range"]

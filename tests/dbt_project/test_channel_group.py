"""The channel of a session, by worked cases of the vendor's documented rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.dbt_project.warehouse_of_test import WarehouseOfTest

# source, medium, campaign, referrer, channel
CASES = [
    (None, None, None, None, "Direct"),
    ("(direct)", "(none)", None, None, "Direct"),
    ("google", "cpc", "brand", None, "Paid Search"),
    ("google", "cpc", "summer-shop", None, "Paid Shopping"),
    ("facebook", "paid_social", None, None, "Paid Social"),
    ("youtube.com", "cpv", None, None, "Paid Video"),
    ("example", "display", None, None, "Display"),
    ("example", "cpm", None, None, "Display"),
    ("example", "ppc", None, None, "Paid Other"),
    ("google", "cpc", "x-cross-network", None, "Cross-network"),
    (None, None, None, "https://www.google.com/", "Organic Search"),
    (None, None, None, "https://duckduckgo.com/?q=a", "Organic Search"),
    ("newsite", "organic", None, None, "Organic Search"),
    (None, None, None, "https://l.facebook.com/l.php", "Organic Social"),
    (None, None, None, "https://t.co/abc", "Organic Social"),
    ("example", "social", None, None, "Organic Social"),
    (None, None, None, "https://m.youtube.com/watch", "Organic Video"),
    (None, None, None, "https://www.amazon.de/dp/1", "Organic Shopping"),
    ("newsletter", "email", None, None, "Email"),
    ("e-mail", "x", None, None, "Email"),
    ("partner", "affiliate", None, None, "Affiliates"),
    ("podcast", "audio", None, None, "Audio"),
    ("sms", None, None, None, "SMS"),
    ("app", "push", None, None, "Mobile Push Notifications"),
    (None, None, None, "https://chatgpt.com/", "AI Assistant"),
    (None, None, None, "https://blog.example/post", "Referral"),
    (None, None, None, "https://notgoogle.example/", "Referral"),
    ("partner", "referral", None, None, "Referral"),
    ("partner", "weird", None, None, "Unassigned"),
]


def test_sessions_have_the_channel_of_their_first_touch(
    warehouse: WarehouseOfTest, catalog: Path
) -> None:
    names = ("utm_source", "utm_medium", "utm_campaign", "referrer")
    rows = [
        {
            "event_id": f"e{number:02}",
            "event_name": "page_viewed",
            "occurred_at": datetime(2026, 1, 1) + timedelta(minutes=number),
            "user_id": f"u{number:02}",
            **dict(zip(names, case[:4], strict=True)),
        }
        for number, case in enumerate(CASES)
    ]
    warehouse.declare(catalog)
    warehouse.land(rows, load_id="20260105T000000000000")
    warehouse.build(select=("+fct_sessions",))
    found = warehouse.rows("select channel from marts.fct_sessions order by person_id")
    told = [(*case[:4], channel) for case, (channel,) in zip(CASES, found, strict=True)]
    assert told == CASES

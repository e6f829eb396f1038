"""Erasing persons whom the lake knows by pseudonyms: what was sent goes too."""

from __future__ import annotations

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.lake import open_lake
from ingestion.privacy.erasure import erase_from_lake, plan_erasure
from ingestion.privacy.keys import read_key_ring
from ingestion.privacy.landing_erasure import erase_from_landing
from tests.ingestion.landing_home import Home, event
from tests.ingestion.privacy.byte_search import files_naming
from tests.ingestion.privacy.conftest import RING_1, RING_2

IDS = "personal: {user_id: hash, anonymous_id: hash}\n"
# One person, as clients in several formats spell her ids.
HERS = ("änn@example.com", "phone/of-ann", "474747474", 'the "old" phone')
SPELLED = (*HERS, "phone\\/of-ann", "\\u00e4nn@example.com", 'the \\"old\\" phone')


def write_files(home: Home) -> None:
    linked = [
        event(1, user_id=HERS[0], anonymous_id=HERS[1]),
        event(2, user_id="Änn@Example.com", anonymous_id=int(HERS[2])),
        event(3, user_id=HERS[0], anonymous_id=HERS[3]),
        event(4, user_id="bob", anonymous_id="bobs"),
    ]
    alone = [event(10 + i, user_id=None, anonymous_id=HERS[i]) for i in (1, 2, 3)]
    alone.append(event(20, user_id=None, anonymous_id="bobs"))
    home.write("app/a.jsonl", linked)
    home.write("app/b.jsonl.gz", alone)
    home.path("app/c.json").write_text(json.dumps(alone).replace("/", "\\/"))
    texts = [
        {name: None if one is None else str(one) for name, one in row.items()}
        for row in alone
    ]
    pq.write_table(pa.Table.from_pylist(texts), home.path("app/d.parquet"))
    home.write(
        "app/e.csv",
        b"event_id,event_name,occurred_at,anonymous_id\n"
        b'e30,x,2024-05-01T10:00:00Z,"the ""old"" phone"\n'
        b"e31,x,2024-05-01T10:00:00Z,phone/of-ann\n"
        b"e32,x,2024-05-01T10:00:00Z,bobs\n",
    )
    # Refused lines are kept encrypted, and hold what was sent.
    home.write("app/f.jsonl", [{"anonymous_id": HERS[1]}, {"anonymous_id": "bobs"}])


@pytest.mark.parametrize("asked", HERS)
def test_what_was_sent_is_found_by_its_pseudonym(
    private_home: Callable[..., Home], asked: str
) -> None:
    home = private_home(IDS, RING_1)
    write_files(home)
    home.land()
    landing = home.options.landing_dir
    ring = read_key_ring(RING_2)
    with open_lake(home.lake) as lake:
        plan = plan_erasure(lake, [asked], ring=ring, landing_dir=landing)
        assert {*HERS} <= {*plan.ids}
        erase_from_lake(lake, plan, ring)
        lines = erase_from_landing(lake, landing, plan.mentions())
    assert plan.erased_rows["quarantine"] == 1
    assert lines.lines == {
        **{"app/a.jsonl": 3, "app/b.jsonl.gz": 3, "app/c.json": 3},
        **{"app/d.parquet": 3, "app/e.csv": 2, "app/f.jsonl": 1},
    }
    assert files_naming(home.root, SPELLED) == []
    assert len(home.refused()) == 1
    home.check_books()

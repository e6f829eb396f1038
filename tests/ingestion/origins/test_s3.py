"""Objects of a bucket: what is fetched, what is not, and what a cut line costs."""

from __future__ import annotations

import json
import random
import urllib.request
from dataclasses import replace

import obstore
import pytest
from obstore.store import S3Store

from ingestion.catalog.models import S3Origin
from ingestion.origins.ledger import open_ledger
from ingestion.origins.object_keys import is_wanted, landing_path
from tests.ingestion.landing_home import event, lines
from tests.ingestion.origins.fetching_home import FetchingHome
from tests.servers.cut_line import cut_line
from tests.servers.s3 import S3Server

DECLARED = """
sources:
  - name: web
    format: native
    files: ["**/*.jsonl", "**/*.gz"]
    origin: {type: s3, url: "s3://%s/exports/", endpoint: "%s",
             access_key: BUCKET_KEY, secret_key: BUCKET_SECRET}
"""


@pytest.fixture
def bucket(s3: S3Server, home: FetchingHome, request: pytest.FixtureRequest) -> S3Store:
    name = f"bucket-{random.Random(request.node.name).randrange(10**9)}"
    home.declare(DECLARED % (name, s3.endpoint))
    return s3.new_bucket(name)


def through(home: FetchingHome, port: int) -> None:
    """Let the declared origin be reached by another port."""
    (spec,) = home.home.sources
    assert isinstance(spec.origin, S3Origin)
    origin = spec.origin.model_copy(update={"endpoint": f"http://127.0.0.1:{port}"})
    spec = spec.model_copy(update={"origin": origin})
    home.home = replace(home.home, sources=[spec])


def test_only_what_is_new_or_changed_is_fetched(
    bucket: S3Store, home: FetchingHome
) -> None:
    first = lines([event(1), event(2)])
    obstore.put(bucket, "exports/a/day=1/x.jsonl", first)
    obstore.put(bucket, "exports/b.jsonl", lines([event(3)]))
    obstore.put(bucket, "exports/readme.pdf", b"no data")
    obstore.put(bucket, "other/c.jsonl", lines([event(4)]))
    report = home.fetch()
    assert (report.status, report.files, report.reason) == ("fetched", 2, None)
    assert report.bytes == len(first) + len(lines([event(3)]))
    assert home.files("web") == {
        "a/day=1/x.jsonl": first,
        "b.jsonl": lines([event(3)]),
    }
    assert home.land().landed == 3
    assert home.fetch().unchanged == 2
    grown = first + lines([event(5)])
    obstore.put(bucket, "exports/a/day=1/x.jsonl", grown)
    report = home.fetch()
    assert (report.files, report.unchanged) == (1, 1)
    assert home.files("web")["a/day=1/x.jsonl"] == grown
    home.land()
    assert home.query("select count(distinct event_id) from events") == [(4,)]


def test_files_removed_from_landing_are_not_fetched_again(
    bucket: S3Store, home: FetchingHome
) -> None:
    obstore.put(bucket, "exports/a.jsonl", lines([event(1)]))
    home.fetch()
    home.land()
    (home.folder("web") / "a.jsonl").unlink()
    assert home.fetch().status == "unchanged"
    assert home.files("web") == {}


def test_a_line_cut_at_any_byte_loses_nothing_and_doubles_nothing(
    s3: S3Server, bucket: S3Store, home: FetchingHome
) -> None:
    """Cut at random bytes until all is there; every try goes on from where it was."""
    sent = {}
    for i in range(6):
        rows = [event(100 * i + j, properties={"note": "x" * 997}) for j in range(60)]
        sent[f"part{i}.jsonl"] = lines(rows)
        obstore.put(bucket, f"exports/part{i}.jsonl", sent[f"part{i}.jsonl"])
    numbers = random.Random(7)
    with cut_line(s3.port) as line:
        through(home, line.port)
        for _ in range(8):
            line.cut_after(numbers.randrange(200, 150_000))
            report = home.fetch(attempts=1, connect_seconds=1)
            whole = home.files("web")
            assert all(content == sent[name] for name, content in whole.items())
            home.land()
        line.mend()
        report = home.fetch()
        assert (report.reason, line.cuts > 3) == (None, True)
    assert home.files("web") == sent
    home.land()
    assert home.query("select count(*), count(distinct event_id) from events") == [
        (360, 360)
    ]
    assert home.staged("web") == []


def test_a_download_goes_on_where_it_broke_off(
    s3: S3Server, bucket: S3Store, home: FetchingHome
) -> None:
    content = lines([event(i, properties={"x": "y" * 900}) for i in range(8000)])
    obstore.put(bucket, "exports/big.jsonl", content)
    with cut_line(s3.port) as line:
        through(home, line.port)
        line.cut_after(5_000_000)
        assert home.fetch(attempts=1, connect_seconds=1).status == "failed"
        (part,) = home.staged("web")
        have = part.stat().st_size
        assert have > 1_000_000
        assert content.startswith(part.read_bytes())
        # What is still missing, and not much more, may pass.
        line.cut_after(len(content) - have + 100_000)
        assert home.fetch(attempts=1).reason is None
    assert home.files("web")["big.jsonl"] == content


def test_a_part_of_an_older_version_is_not_gone_on_with(
    s3: S3Server, bucket: S3Store, home: FetchingHome
) -> None:
    old = lines([event(i, properties={"x": "y" * 900}) for i in range(5000)])
    obstore.put(bucket, "exports/big.jsonl", old)
    with cut_line(s3.port) as line:
        through(home, line.port)
        line.cut_after(3_000_000)
        assert home.fetch(attempts=1, connect_seconds=1).status == "failed"
        assert home.staged("web")
        new = old.replace(b"y", b"z")
        obstore.put(bucket, "exports/big.jsonl", new)
        line.mend()
        assert home.fetch().files == 1
    assert home.files("web")["big.jsonl"] == new
    assert home.staged("web") == []


def test_a_bucket_that_is_gone(
    s3: S3Server, bucket: S3Store, home: FetchingHome
) -> None:
    obstore.put(bucket, "exports/a.jsonl", lines([event(1)]))
    home.fetch()
    home.declare(DECLARED % ("no-such-bucket", s3.endpoint))
    report = home.fetch()
    assert report.status == "failed"
    assert "there is no bucket no-such-bucket" in str(report.reason)
    assert home.land().landed == 1


def test_a_server_that_is_gone(
    bucket: S3Store, home: FetchingHome, unused_port: int
) -> None:
    through(home, unused_port)
    report = home.fetch(connect_seconds=1)
    assert report.status == "failed"
    assert "see whether the store is up" in str(report.reason)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_secret_that_is_not_set(bucket: S3Store, home: FetchingHome) -> None:
    home.secrets = {"BUCKET_KEY": "key"}
    report = home.fetch()
    assert report.reason == "the environment variable BUCKET_SECRET is not set: set it"


def test_awkward_keys_stay_inside_the_folder_and_apart(
    bucket: S3Store, home: FetchingHome
) -> None:
    keys = ["é x.jsonl", "a%2Fb.jsonl", "a/b.jsonl", "q?x=1&y.jsonl", "c.jsonl"]
    for i, key in enumerate(keys):
        obstore.put(bucket, f"exports/{key}", lines([event(i)]))
    obstore.put(bucket, "exports/c.jsonl/d.jsonl", lines([event(9)]))
    report = home.fetch()
    assert len(report.problems) == 1
    assert "its name is a folder" in report.problems[0]
    assert sorted(
        json.loads(content)["event_id"] for content in home.files("web").values()
    ) == [f"e{i}" for i in range(5)]
    assert home.land().landed == 5


def put_raw(s3: S3Server, path: str) -> None:
    """Put an object under a key that obstore itself would not write."""
    asked = urllib.request.Request(
        f"{s3.endpoint}/{path}", data=b"", headers={"x": "y"}, method="PUT"
    )
    urllib.request.urlopen(asked).close()


def test_marks_of_folders_are_no_files(
    s3: S3Server, bucket: S3Store, home: FetchingHome
) -> None:
    name = bucket.config["bucket"]
    put_raw(s3, f"{name}/exports/")
    put_raw(s3, f"{name}/exports/day.jsonl/")
    obstore.put(bucket, "exports/day.jsonl/a.jsonl", lines([event(1)]))
    report = home.fetch()
    assert (report.files, report.reason, report.problems) == (1, None, ())


def test_a_key_that_is_no_path_is_named(
    s3: S3Server, bucket: S3Store, home: FetchingHome
) -> None:
    put_raw(s3, f"{bucket.config['bucket']}/exports/a//b.jsonl")
    assert "exports/a//b.jsonl" in str(home.fetch().reason)


@pytest.mark.parametrize(
    ("glob", "wanted", "others"),
    [
        ("**/*", ["a", "a/b", "a/b/c.x"], [".a", "a/.b", "a/"]),
        ("**/*.jsonl", ["x.jsonl", "a/b/x.jsonl"], ["x.json", "a.jsonl/x.csv"]),
        ("daily/*.csv", ["daily/x.csv"], ["x.csv", "daily/a/x.csv"]),
        ("d[0-9]?.csv", ["d1x.csv"], ["dxx.csv", "d1/.csv"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["b", "ab"]),
        ("a+(b).csv", ["a+(b).csv"], ["aab.csv"]),
    ],
)
def test_globs(glob: str, wanted: list[str], others: list[str]) -> None:
    assert [key for key in wanted + others if is_wanted(key, [glob])] == wanted


def test_paths_of_keys() -> None:
    assert landing_path("a/b.csv") == "a/b.csv"
    assert landing_path("a/../b") == "a/%2E%2E/b"
    assert landing_path("a%b\\c\n") == "a%25b%5Cc%0A"
    assert landing_path("a//b") is None
    assert landing_path("x" * 300) is None


def test_two_fetches_at_once_keep_out_of_each_others_way(
    bucket: S3Store, home: FetchingHome
) -> None:
    obstore.put(bucket, "exports/a.jsonl", lines([event(1)]))
    with open_ledger(home.folder("web")):
        report = home.fetch()
    assert report.reason == "another process is fetching it: wait until it has ended"
    assert home.fetch().files == 1


def test_a_ledger_whose_last_line_is_torn(bucket: S3Store, home: FetchingHome) -> None:
    """Power lost while it was written: the line counts for nothing."""
    obstore.put(bucket, "exports/a.jsonl", lines([event(1)]))
    home.fetch()
    with open_ledger(home.folder("web")) as ledger:
        ledger.lines.write_bytes(ledger.lines.read_bytes() + b'{"path": "b.jso')
    obstore.put(bucket, "exports/b.jsonl", lines([event(2)]))
    report = home.fetch()
    assert (report.files, report.unchanged) == (1, 1)
    assert sorted(home.files("web")) == ["a.jsonl", "b.jsonl"]


def test_a_file_committed_and_not_yet_in_its_place_is_put_there(
    bucket: S3Store, home: FetchingHome
) -> None:
    obstore.put(bucket, "exports/a.jsonl", lines([event(1)]))
    home.fetch()
    with open_ledger(home.folder("web")) as ledger:
        (file,) = ledger.files
        (home.folder("web") / "a.jsonl").rename(ledger.staging / file.staged)
    assert home.fetch().unchanged == 1
    assert home.files("web") == {"a.jsonl": lines([event(1)])}

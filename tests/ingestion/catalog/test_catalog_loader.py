"""What the catalog's errors say: file, line, cure; all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.catalog import CatalogError, load_catalog

ProblemsOf = Callable[..., list[str]]
WriteCatalog = Callable[..., Path]


def metric(body: str) -> str:
    """One metric whose own lines begin on line 3."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"metrics:\n  - name: m\n{lines}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "type: count\nevent: purchase_complete",
            "metrics.yml:4: metric 'm': the event 'purchase_complete' is not declared "
            "in events.yml. Did you mean 'purchase_completed'?",
        ),
        (
            "type: count\nevent:\n  - page_viewed\n  - page_vewed",
            "metrics.yml:6: metric 'm': the event 'page_vewed' is not declared "
            "in events.yml. Did you mean 'page_viewed'?",
        ),
        (
            "type: count\nevent: page_viewed\nwhere: platfrm = 'web'",
            "metrics.yml:5: metric 'm': `platfrm` is not a column of an event; "
            "a property is written property('platfrm'). Did you mean 'platform'?",
        ),
        (
            "type: count\nevent: page_viewed\nwhere: |\n  platform = 'web'\n"
            "  and contry = 'US'",
            "metrics.yml:7: metric 'm': `contry` is not a column of an event; "
            "a property is written property('contry'). Did you mean 'country'?",
        ),
        (
            "type: count\nevent: page_viewed\nwhere: lowr(platform) = 'web'",
            "metrics.yml:5: metric 'm': `lowr` is not a function an expression may "
            "call. Did you mean 'lower'?",
        ),
        (
            'type: count\nevent: page_viewed\nwhere: "true; drop table events"',
            "metrics.yml:5: metric 'm': `;` is not allowed: write one expression.",
        ),
        (
            "type: count\nevent: page_viewed\nwhere: platform in (select 1)",
            "metrics.yml:5: metric 'm': a subquery is not allowed: an expression sees "
            "one event at a time.",
        ),
        (
            "type: count\nevent: page_viewed\nwhere: length(read_csv('x')) > 0",
            "metrics.yml:5: metric 'm': `read_csv` reads files or settings of the "
            "machine.",
        ),
        (
            "type: count\nevent: page_viewed\nwhere: platform",
            "metrics.yml:5: metric 'm': a yes/no condition is needed: compare the "
            "value with something, such as platform = 'web'.",
        ),
        (
            "type: count\nevent: page_viewed\nwhere: coalesce(platform, 'x')",
            "metrics.yml:5: metric 'm': a yes/no condition is needed, this gives "
            "VARCHAR.",
        ),
        (
            "type: sum\nevent: page_viewed\nvalue: property('amount')",
            "metrics.yml:5: metric 'm': a number is needed, this gives VARCHAR; a "
            "number among the properties is property_number('name').",
        ),
        (
            "type: sum\nevent: page_viewed\nvalue: occurred_at * 2",
            "metrics.yml:5: metric 'm': the types do not fit: No function matches the "
            "given name and argument types '*(TIMESTAMP, INTEGER_LITERAL)'. You might "
            "need to add explicit type casts.",
        ),
        (
            "type: counts\nevent: page_viewed",
            "metrics.yml:3: metric 'm': 'counts' is not a metric type (count, "
            "unique_persons, unique_values, sum, average, percentile, ratio, "
            "conversion, time_to, "
            "active_persons, retention). Did you mean 'count'?",
        ),
        (
            "event: page_viewed",
            "metrics.yml:2: metric 'm': `type` is missing; it is one of count, "
            "unique_persons, unique_values, sum, average, percentile, ratio, "
            "conversion, time_to, "
            "active_persons, retention.",
        ),
        (
            "type: count\nevent: page_viewed\nlable: Views",
            "metrics.yml:5: metric 'm': unknown key 'lable'. Did you mean 'label'?",
        ),
        (
            "type: count\nevent: page_viewed\nforecast: {horizon: 3}",
            "metrics.yml:5: metric 'm': unknown key 'horizon'. "
            "Did you mean 'horizon_days'?",
        ),
        (
            "type: conversion\nbase: {event: page_viewed, were: platform = 'web'}\n"
            "conversion: {event: page_viewed}\nwindow: 1 day",
            "metrics.yml:4: metric 'm': unknown key 'were'. Did you mean 'where'?",
        ),
        (
            "type: sum\nevent: page_viewed",
            "metrics.yml:2: metric 'm': `value` is missing.",
        ),
        (
            "type: conversion\nbase: {event: page_viewed}\n"
            "conversion: {event: page_viewed}\nwindow: 60 minuts",
            "metrics.yml:6: metric 'm': 'minuts' is not a unit of time. "
            "Did you mean '60 minutes'?",
        ),
        (
            "type: conversion\nbase: {event: page_viewed}\n"
            "conversion: {event: page_viewed}\nwindow: 60",
            "metrics.yml:6: metric 'm': `window`: text is needed here; put it in "
            "quotes.",
        ),
        (
            "type: conversion\nbase: {event: page_viewed}\n"
            "conversion: {event: page_viewed}\nwindow: 0 days",
            "metrics.yml:6: metric 'm': '0 days' is not between 1 second and 366 days.",
        ),
        (
            "type: count\nevent: page_viewed\nperiods: [day, moth]",
            "metrics.yml:5: metric 'm': 'moth' is not one of hour, day, week, month. "
            "Did you mean 'month'?",
        ),
        (
            "type: count\nevent: page_viewed\nperiods: [day, day]",
            "metrics.yml:5: metric 'm': a period stands in the list twice.",
        ),
        (
            "type: count\nevent: page_viewed\ntargets: {hour: 3}",
            "metrics.yml:2: metric 'm': a target for hour, which is not in `periods`.",
        ),
        (
            "type: count\nevent: page_viewed\ntargets:\n  day: many",
            "metrics.yml:6: metric 'm': `day`: a number is needed here.",
        ),
        (
            "type: count\nevent: page_viewed\ndirection: upwards",
            "metrics.yml:5: metric 'm': 'upwards' is not one of up, down.",
        ),
        (
            "type: count\nevent: page_viewed\ndimensions: [platform, contry]",
            "metrics.yml:5: metric 'm': `contry` is not a column of an event; "
            "a property is written property('contry'). Did you mean 'country'?",
        ),
        (
            "type: count\nevent: page_viewed\ndimensions:\n  - platform\n"
            "  - {name: plan, sql: propery('plan')}",
            "metrics.yml:7: metric 'm': `propery` is not a function an expression may "
            "call. Did you mean 'property'?",
        ),
        (
            "type: count\nevent: page_viewed\ndimensions: [platform, platform]",
            "metrics.yml:2: metric 'm': dimension 'platform' is declared twice.",
        ),
        (
            "type: count\nevent: page_viewed\ndimensions: [event_id]",
            "metrics.yml:5: metric 'm': `event_id` differs in every event: group it "
            "first.",
        ),
        (
            "type: count\nevent: page_viewed\ndimensions: [{name: all, sql: page}]",
            "metrics.yml:5: metric 'm': 'all' is the name of the total.",
        ),
        (
            "type: count\nevent: ['*', page_viewed]",
            "metrics.yml:4: metric 'm': \"*\" means every event and stands alone.",
        ),
        (
            "type: percentile\nevent: page_viewed\nvalue: value\npercentile: 95",
            "metrics.yml:6: metric 'm': `percentile`: Input should be less than 1.",
        ),
        (
            "type: ratio\nnumerator: signups\ndenominator: n",
            "metrics.yml:4: metric 'm': no metric is called 'signups'.",
        ),
        (
            "type: ratio\nnumerator: m\ndenominator: {type: count, event: page_viewed}",
            "metrics.yml:4: metric 'm': 'm' is of type ratio; a side of a ratio is a "
            "count, unique_persons, sum or active_persons.",
        ),
        (
            "type: ratio\nnumerator: {type: sum, event: page_viewed}\n"
            "denominator: {type: count, event: page_viewed}",
            "metrics.yml:4: metric 'm': `value` belongs to type sum, and only to it.",
        ),
        (
            "type: ratio\nnumerator: {type: count, event: page_vewed}\n"
            "denominator: {type: count, event: page_viewed}",
            "metrics.yml:4: metric 'm': the event 'page_vewed' is not declared in "
            "events.yml. Did you mean 'page_viewed'?",
        ),
        (
            "type: retention\nbase: {event: page_viewed}\n"
            "returning: {event: page_viewed}\nday: 7\nperiods: [hour, day]",
            "metrics.yml:2: metric 'm': retention counts days: take hour out of "
            "`periods`.",
        ),
        (
            "type: active_persons\nwindow_days: 7\nperiods: [hour]",
            "metrics.yml:2: metric 'm': `window_days` counts days: take hour out of "
            "`periods`.",
        ),
        (
            "type: count\nevent: page_viewed\nevent: email_sent",
            "metrics.yml:5: the key 'event' stands here twice.",
        ),
        (
            "type: count\nevent: page_viewed\nheadline: maybe",
            "metrics.yml:5: metric 'm': `headline`: true or false is needed here.",
        ),
    ],
)
def test_metric_errors(body: str, expected: str, problems_of: ProblemsOf) -> None:
    assert expected in problems_of(metrics=metric(body))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            "events:\n  - name: a\n  - name: b\n  - name: a\n",
            "events.yml:4: event 'a': the name is taken already, on line 2.",
        ),
        (
            "polcy: warn\n",
            "events.yml:1: unknown key 'polcy'. Did you mean 'policy'?",
        ),
        (
            "policy: warm\n",
            "events.yml:1: 'warm' is not one of allow, warn, quarantine. "
            "Did you mean 'warn'?",
        ),
        (
            "sessions:\n  timeout: 30\n",
            "events.yml:2: unknown key 'timeout'. Did you mean 'timeout_seconds'?",
        ),
        (
            "sessions:\n  timeout_seconds: half an hour\n",
            "events.yml:2: `timeout_seconds`: a whole number is needed here.",
        ),
        (
            "sessions:\n  timeout_seconds: 0\n",
            "events.yml:2: `timeout_seconds`: Input should be greater than or equal "
            "to 1.",
        ),
        (
            "sessions: {timeout_seconds: 5400, max_session_seconds: 3600}\n",
            "events.yml:1: timeout_seconds is longer than max_session_seconds.",
        ),
        (
            "traffic:\n  bots: user_agent like '%bot%'\n",
            "events.yml:2: `user_agent` is not a column of an event; "
            "a property is written property('user_agent').",
        ),
        (
            "traffic:\n  bots: session_id = 'x'\n",
            "events.yml:2: `session_id` is not a column of an event; a property is "
            "written property('session_id'). Did you mean 'vendor_session_id'?",
        ),
        (
            "traffic:\n  internal: person_property('role') = 'staff'\n",
            "events.yml:2: traffic is judged before persons are known.",
        ),
        (
            "page_view_events: [page_view]\nevents:\n  - name: page_viewed\n",
            "events.yml:1: the event 'page_view' is not declared in events.yml. "
            "Did you mean 'page_viewed'?",
        ),
        (
            "events:\n  - name: a\n    required_properties: [plan]\n",
            "events.yml:2: event 'a': required property 'plan' is not declared under "
            "`properties`.",
        ),
        (
            "events:\n  - name: a\n    personal: [e_mail]\n    properties:\n"
            "      email: {type: string}\n",
            "events.yml:3: event 'a': 'e_mail' is neither a property of the event nor "
            "a column. Did you mean 'email'?",
        ),
        (
            "events:\n  - name: a\n    properties:\n      x: {type: strng}\n",
            "events.yml:4: event 'a': 'strng' is not one of string, number, integer, "
            "boolean, timestamp, object, list. Did you mean 'string'?",
        ),
        (
            "events:\n  - name: ' a'\n",
            "events.yml:2: event ' a': ' a' has blanks around it or control "
            "characters.",
        ),
        ("events: page_viewed\n", "events.yml:1: `events`: a list is needed here, such "
         "as [a, b]."),
        ("events:\n  - page_viewed\n", "events.yml:2: event 1: `key: value` lines "
         "are needed here."),
        ("- page_viewed\n", "events.yml:1: the file must be `key: value` lines at the "
         "top."),
        ("events:\n  - name: [a\n", "events.yml:3: not valid YAML: expected ',' or "
         "']', but got '<stream end>'."),
        ("a: b: c\n", "events.yml:1: not valid YAML: mapping values are not allowed "
         "here."),
        ("events:\n\t- name: a\n", "events.yml:2: not valid YAML: found character "
         "'\\t' that cannot start any token."),
        ("a: 1\n---\nb: 2\n", "events.yml:2: not valid YAML: but found another "
         "document."),
        ("events: !!python/object:os.system [ls]\n", "events.yml:1: the tag "
         "`tag:yaml.org,2002:python/object:os.system` is not admitted"),
        ("events: !secret x\n", "events.yml:1: the tag `!secret` is not admitted; "
         "write plain text."),
        ("sessions:\n  <<: {timeout_seconds: 300}\n", "events.yml:2: a key must be a "
         "plain word (no `<<`, no list)."),
        ("events: &x [*x]\n", "events.yml:1: not valid YAML: anchors that refer to "
         "themselves, or grow without end."),
        ("events: " + "[" * 2_000, "events.yml:1: nested too deep to be read."),
    ],
)  # fmt: skip
def test_event_errors(events: str, expected: str, problems_of: ProblemsOf) -> None:
    found = problems_of(events=events)
    assert any(problem.startswith(expected) for problem in found), found


TABLE = """\
sources:
  - name: shop
    format: table
    reader: {{format: csv}}
    event_name: "'bought'"
    occurred_at: {{column: at}}
    {line}
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "columns: {contry: Country}",
            "sources.yml:7: source 'shop': 'contry' is not an event column a mapping "
            "may fill; under `properties` any name goes. Did you mean 'country'?",
        ),
        (
            "columns: {country: uper(Country)}",
            "sources.yml:7: source 'shop': `uper` is not a function an expression may "
            "call. Did you mean 'upper'?",
        ),
        (
            "columns: {revenue: sum(Price)}",
            "sources.yml:7: source 'shop': `sum` looks at many rows, but an expression "
            "sees one event at a time; say it with the metric's `type`.",
        ),
        (
            "event_id: \"(select max(x) from read_csv('/etc/passwd'))\"",
            "sources.yml:7: source 'shop': `max` looks at many rows, but an expression "
            "sees one event at a time; say it with the metric's `type`.",
        ),
        (
            "where: InvoiceNo; drop table events",
            "sources.yml:7: source 'shop': `;` is not allowed: write one expression.",
        ),
        (
            "properties: al",
            "sources.yml:7: source 'shop': 'al': write all, none, a list of file "
            "columns, or name: expression.",
        ),
        (
            "files: [../other/*.csv]",
            "sources.yml:7: source 'shop': '../other/*.csv' leaves the source's "
            "folder: write a pattern below it, such as 'daily/*.csv'.",
        ),
        (
            "received_at: {column: a, timezone: Europe/Londn}",
            "sources.yml:7: source 'shop': 'Europe/Londn' is not a time zone of the "
            "IANA list. Did you mean 'Europe/London'?",
        ),
        (
            "received_at: {column: a, format: epoch_msec}",
            "sources.yml:7: source 'shop': 'epoch_msec' is not a timestamp format: "
            "write iso, epoch_s, epoch_ms, epoch_us or a pattern such as "
            "'%d/%m/%Y %H:%M'. Did you mean 'epoch_ms'?",
        ),
        (
            "received_at: {format: iso}",
            "sources.yml:7: source 'shop': give either `column` or `expression`.",
        ),
        (
            "received_at: {colum: a}",
            "sources.yml:7: source 'shop': unknown key 'colum'. Did you mean 'column'?",
        ),
        (
            "evnt_id: a",
            "sources.yml:7: source 'shop': unknown key 'evnt_id'. "
            "Did you mean 'event_id'?",
        ),
    ],
)
def test_source_errors(line: str, expected: str, problems_of: ProblemsOf) -> None:
    assert expected in problems_of(sources=TABLE.format(line=line))


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        ("{format: csv, encoding: latin-11}", "'latin-11' is not a text encoding. "
         "Did you mean 'latin-1'?"),
        ("{format: cvs}", "'cvs' is not one of csv, json, parquet. "
         "Did you mean 'csv'?"),
        ("{format: parquet, delimiter: ';'}", "`delimiter` has no meaning for parquet "
         "files."),
        ("{format: csv, delimter: ';'}", "unknown key 'delimter'. "
         "Did you mean 'delimiter'?"),
    ],
)  # fmt: skip
def test_reader_errors(reader: str, expected: str, problems_of: ProblemsOf) -> None:
    sources = TABLE.format(line="").replace("{format: csv}", reader)
    assert f"sources.yml:4: source 'shop': {expected}" in problems_of(sources=sources)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (
            "sources:\n  - name: a\n    format: native\n    event_name: x\n",
            "sources.yml:2: source 'a': `event_name` belongs to `format: table`, not "
            "to native.",
        ),
        (
            "sources:\n  - name: a\n    format: table\n",
            "sources.yml:2: source 'a': a table source needs `reader`.",
        ),
        (
            "sources:\n  - name: ../a\n    format: native\n",
            "sources.yml:2: source '../a': '../a' is not a name: use lower-case "
            "letters, digits and _.",
        ),
        (
            "sources:\n  - {name: a, format: native}\n  - {name: a, format: native}\n",
            "sources.yml:3: source 'a': the name is taken already, on line 2.",
        ),
    ],
)
def test_source_shapes(sources: str, expected: str, problems_of: ProblemsOf) -> None:
    assert expected in problems_of(sources=sources)


def test_reports_every_problem_at_once(problems_of: ProblemsOf) -> None:
    metrics = """\
        metrics:
          - name: Bad Name
            type: count
            event: page_viewed
          - name: views
            type: count
            event: page_vewed
          - name: views
            type: sum
            event: page_viewed
            value: revnue
        """
    found = problems_of(
        metrics=metrics, events="policy: loud\nevents:\n  - name: page_viewed\n"
    )
    assert [line.split(": ", 1)[0] for line in found] == [
        "events.yml:1",
        "metrics.yml:2",
        "metrics.yml:7",
        "metrics.yml:8",
        "metrics.yml:11",
    ]


def test_an_error_in_an_event_does_not_multiply(problems_of: ProblemsOf) -> None:
    metrics = "metrics:\n  - {name: views, type: count, event: page_viewed}\n"
    events = "events:\n  - {name: page_viewed, is_activty: true}\n"
    assert problems_of(events=events, metrics=metrics) == [
        "events.yml:2: event 'page_viewed': unknown key 'is_activty'. "
        "Did you mean 'is_activity'?"
    ]


def test_an_error_in_a_metric_does_not_multiply(problems_of: ProblemsOf) -> None:
    metrics = """\
        metrics:
          - {name: views, type: count, event: page_viewed, lable: x}
          - name: share
            type: ratio
            numerator: views
            denominator: {type: count, event: page_viewed}
        """
    assert problems_of(metrics=metrics) == [
        "metrics.yml:2: metric 'views': unknown key 'lable'. Did you mean 'label'?"
    ]


@pytest.mark.parametrize(
    ("numerator", "expected"),
    [
        ("all_traffic", "'all_traffic' and this ratio differ in `include_bots`."),
        ("monthly", "'monthly' counts trailing days, a ratio only the period."),
        ("views_", "no metric is called 'views_'. Did you mean 'views'?"),
    ],
)
def test_sides_of_a_ratio(
    numerator: str, expected: str, problems_of: ProblemsOf
) -> None:
    metrics = f"""\
        metrics:
          - {{name: views, type: count, event: page_viewed}}
          - {{name: all_traffic, type: count, event: "*", include_bots: true}}
          - {{name: monthly, type: active_persons, window_days: 30}}
          - name: share
            type: ratio
            numerator: {numerator}
            denominator: views
        """
    assert problems_of(metrics=metrics) == [
        f"metrics.yml:7: metric 'share': {expected}"
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("metric.yml", "Did you mean 'metrics.yml'?"),
        ("metrics.yaml", "Did you mean 'metrics.yml'?"),
        ("forecasts.yml", "nothing reads 'forecasts.yml'"),
    ],
)
def test_a_file_nobody_reads_is_an_error(
    name: str, expected: str, write_catalog: WriteCatalog
) -> None:
    directory = write_catalog()
    (directory / name).write_text("a: 1\n")
    with pytest.raises(CatalogError) as caught:
        load_catalog(directory)
    assert str(caught.value).startswith(f"{directory / name}:1: ")
    assert expected in str(caught.value)


def test_other_files_are_left_alone(write_catalog: WriteCatalog) -> None:
    directory = write_catalog()
    (directory / "events.schema.json").write_text("{}")
    (directory / "README.md").write_text("# Notes")
    (directory / ".backup.yml").write_text("x: 1")
    assert len(load_catalog(directory).event_names) == 3


def test_nothing_declared_means_the_defaults(tmp_path: Path) -> None:
    catalog = load_catalog(tmp_path)
    assert catalog.metrics == ()
    assert catalog.events.policy == "warn"
    assert catalog.events.sessions.timeout_seconds == 1800
    assert catalog.source("anything").format == "native"
    assert catalog.source("anything").files == ("**/*",)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no such folder"):
        load_catalog(tmp_path / "nowhere")


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "events.yml").mkdir()
    with pytest.raises(CatalogError, match=r"events\.yml:1: a folder stands"):
        load_catalog(tmp_path)


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "events.yml").write_bytes(b"policy: warn\n# caf\xe9\n")
    with pytest.raises(CatalogError, match=r"events\.yml:2: not UTF-8 text"):
        load_catalog(tmp_path)


def test_anchors_are_read_and_windows_line_ends_counted(tmp_path: Path) -> None:
    text = (
        "events:\r\n  - name: a\r\n    properties: &p\r\n      x: {type: string}\r\n"
        "  - name: b\r\n    properties: *p\r\n    required_properties: [y]\r\n"
    )
    (tmp_path / "events.yml").write_bytes(text.encode())
    with pytest.raises(CatalogError, match=r"events\.yml:5: event 'b': required"):
        load_catalog(tmp_path)

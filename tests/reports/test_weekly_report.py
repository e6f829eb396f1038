"""The weekly page: right figures, nothing hidden, nothing injected, nothing loaded."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from time import process_time

import numpy as np
import pandas as pd
import pytest

from dagster_project.reports.formatting import MINUS
from dagster_project.reports.headline import Card, headline_cards
from dagster_project.reports.listings import open_incidents, recent_incidents
from dagster_project.reports.report_data import FRAMES, ReportData
from dagster_project.reports.trust import check_states, findings, gate_rows
from dagster_project.reports.weekly import render_weekly, weekly_page

MONDAY = pd.Timestamp("2025-06-02")
VOID = {"meta", "br", "img", "link", "input", "hr"}


class _Outline(HTMLParser):
    """Collects tags and visible text, and fails on unbalanced tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " "
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "svg"} & set(self.open):
            self.text += data


def _outline(html: str) -> _Outline:
    outline = _Outline()
    outline.feed(html)
    outline.close()
    assert outline.open == []
    return outline


def _words(html: str) -> str:
    return " ".join(_outline(html).text.split())


def _card(data: ReportData, label: str) -> Card:
    (card,) = [card for card in headline_cards(data) if card.label == label]
    return card


def _with_metrics(data: ReportData, **columns: object) -> ReportData:
    """Change the row of course revenue in the week covered."""
    metrics = data.metrics.copy()
    row = (
        (metrics["metric_name"] == "course_revenue")
        & (metrics["period"] == "week")
        & (metrics["period_start"] == MONDAY)
    )
    assert row.sum() == 1
    for column, value in columns.items():
        metrics.loc[row, column] = value
    return replace(data, metrics=metrics)


def test_the_page_stands_alone(report_data: ReportData) -> None:
    html = render_weekly(report_data)
    outline = _outline(html)
    tags = {tag for tag, _ in outline.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "form"}
    assert "@import" not in html
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.findall(r"url\((?!#)", html)
    for tag, attributes in outline.tags:
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden")


def test_every_part_is_there(report_data: ReportData) -> None:
    words = _words(render_weekly(report_data))
    for text in (
        "Daybreak demo",
        "Mon 2 to Sun 8 June 2025",
        "Data complete through 11 Jun 2025, 01:00 Europe/London",
        "4 of 5 targets met; short: Page load, p95",
        "Course revenue lower than usual",
        "Page load, p95 higher than usual",
        "134 checks run, 1 with a warning, none failed",
        "0.24% of events have a name that is not in the tracking plan",
        "What to do: Declare the event in events.yml",
        "78.2% held the actual value inside their 80% range",
        "1 day ahead",
        "online_retail 9 Jun 2025, 18:40",
        "Monthly active 52,381",
        "Persons who buy within an hour of viewing a course",
        "Run 5f2c9a1e",
    ):
        assert text in words, text


def test_rendering_is_quick_and_repeatable(report_data: ReportData) -> None:
    render_weekly(report_data)
    started = process_time()
    first = render_weekly(report_data)
    assert process_time() - started < 3
    assert render_weekly(report_data) == first


def test_identifiers_are_unique_on_the_page(report_data: ReportData) -> None:
    ids = re.findall(r'\bid="([^"]+)"', render_weekly(report_data))
    assert len(ids) == len(set(ids))


def test_card_shows_the_figures_of_the_last_complete_week(
    report_data: ReportData,
) -> None:
    data = _with_metrics(
        report_data,
        value=120_000.0,
        previous_value=100_000.0,
        change_rate=0.2,
        year_before_value=150_000.0,
        year_before_change_rate=-0.2,
        target=125_000.0,
        attainment_rate=0.96,
    )
    card = _card(data, "Course revenue")
    assert card.value == "$120,000"
    assert [(c.text, c.against, c.earlier, c.tone) for c in card.changes] == [
        ("+20.0%", "week before", "$100,000", "good"),
        (f"{MINUS}20.0%", "year before", "$150,000", "bad"),
    ]
    assert card.target is not None
    assert card.target.attainment == "96%"
    assert card.target.width == 96
    assert not card.target.is_met


def test_good_and_bad_follow_the_direction(report_data: ReportData) -> None:
    slower = _card(report_data, "Page load, p95")
    assert slower.changes[0].rate > 0
    assert slower.changes[0].tone == "bad"
    assert slower.target is not None
    assert slower.target.text == "Target at most 1.50 s"
    flat = _card(
        _with_metrics(report_data, change_rate=0.004), "Course revenue"
    ).changes[0]
    assert flat.tone == "flat"


def test_an_unknown_figure_is_never_zero(report_data: ReportData) -> None:
    card = _card(report_data, "Week-1 retention")
    assert card.value is None
    assert "still open" in card.reason
    words = _words(render_weekly(report_data))
    assert "Week-1 retention Not yet known The time window" in words
    no_base = _with_metrics(report_data, value=np.nan, denominator=0.0)
    assert "Nobody entered the base" in _card(no_base, "Course revenue").reason


def test_zero_is_zero(report_data: ReportData) -> None:
    card = _card(_with_metrics(report_data, value=0.0), "Course revenue")
    assert card.value == "$0.00"


def test_incomplete_weeks_and_groups_are_not_shown(report_data: ReportData) -> None:
    metrics = report_data.metrics
    intruders = metrics[metrics["period_start"] == MONDAY].assign(
        dimension="platform", dimension_value="ios", value=77_777_777.0
    )
    later = metrics[metrics["period_start"] == MONDAY].assign(
        period_start=MONDAY + pd.Timedelta(days=7), value=88_888_888.0
    )
    open_week = later.assign(is_complete=False)
    data = replace(report_data, metrics=pd.concat([metrics, intruders, open_week]))
    html = render_weekly(data)
    assert "$77.78M" not in html
    assert "$88.89M" not in html
    assert "Mon 2 to Sun 8 June 2025" in html


def test_a_first_week_has_nothing_to_compare_with(report_data: ReportData) -> None:
    metrics = report_data.metrics
    one_week = metrics[metrics["period_start"] == MONDAY].assign(
        change_rate=np.nan, year_before_change_rate=np.nan
    )
    words = _words(render_weekly(replace(report_data, metrics=one_week)))
    assert "No earlier week to compare with." in words
    assert "year before" not in words.split("How the figures are made")[0]


def test_the_first_night_is_a_sane_page(first_night: ReportData) -> None:
    words = _words(render_weekly(first_night))
    for text in (
        "No complete week yet",
        "Data complete through no data yet",
        "No metric is defined yet.",
        "A trend needs at least two complete days",
        "No events in a complete week yet.",
        "No incident is open",
        "No forecast has matured yet",
        "No source has landed yet.",
        "No check has run yet.",
    ):
        assert text in words, text


@pytest.mark.parametrize("frame", list(FRAMES))
def test_any_frame_may_be_empty(report_data: ReportData, frame: str) -> None:
    html = render_weekly(replace(report_data, **{frame: pd.DataFrame()}))
    assert _words(html).startswith("Daybreak demo")
    assert ">nan<" not in html.lower()
    assert "NaT" not in html


@pytest.mark.parametrize("frame", list(FRAMES))
def test_any_frame_may_be_the_only_one(
    report_data: ReportData, first_night: ReportData, frame: str
) -> None:
    html = render_weekly(replace(first_night, **{frame: getattr(report_data, frame)}))
    assert _words(html)
    assert "NaT" not in html


def test_hostile_texts_are_shown_as_text(report_data: ReportData) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

    def poison(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        changes = dict.fromkeys(columns, hostile)
        return frame.assign(**changes)

    names = {"course_revenue": hostile, "page_load_p95": hostile + "2"}
    data = replace(
        report_data,
        product_name=hostile,
        generated_for=hostile,
        metrics=report_data.metrics.replace({"metric_name": names}),
        definitions=poison(
            report_data.definitions.replace({"metric_name": names}),
            ["label", "description", "unit"],
        ),
        forecasts=report_data.forecasts.replace({"metric_name": names}),
        anomalies=poison(
            report_data.anomalies.replace({"metric_name": names}),
            ["dimension", "dimension_value", "explanation"],
        ),
        event_counts=report_data.event_counts.assign(
            event_name=hostile + report_data.event_counts["event_name"]
        ),
        freshness=poison(report_data.freshness, ["source"]),
        forecast_accuracy=poison(report_data.forecast_accuracy, ["metric_name"]),
        checks=poison(
            report_data.checks.assign(status="failed"),
            ["gate", "asset", "check_name", "observed", "cure"],
        ),
    )
    html = render_weekly(data)
    outline = _outline(html)
    assert not {"script", "img"} & {tag for tag, _ in outline.tags}
    assert not [
        name
        for _, attributes in outline.tags
        for name in attributes
        if name[:2] == "on"
    ]
    assert hostile in outline.text


def test_order_of_rows_changes_nothing(report_data: ReportData) -> None:
    # Checks and definitions keep the order in which they are given.
    shuffled = {
        name: getattr(report_data, name).sample(frac=1, random_state=2)
        for name in FRAMES
        if name not in ("checks", "definitions")
    }
    assert render_weekly(replace(report_data, **shuffled)) == render_weekly(report_data)


def test_without_a_headline_the_first_metrics_are_shown(
    report_data: ReportData,
) -> None:
    definitions = report_data.definitions.assign(is_headline=False)
    cards = headline_cards(replace(report_data, definitions=definitions))
    assert len(cards) == len(definitions)


def test_incidents_in_words(report_data: ReportData) -> None:
    opened = open_incidents(report_data).shown
    assert [incident.title for incident in opened] == [
        "Course revenue lower than usual",
        "Page load, p95 higher than usual",
    ]
    assert {incident.tone for incident in opened} == {"bad"}
    assert opened[0].sentence == (
        "$9,100 on Tue 10 June, 55% below the expected $20,200; "
        "the usual range is $16,800 to $23,900."
    )
    (ended,) = recent_incidents(report_data).shown
    assert ended.title == "Sign-ups (utm_source: newsletter) higher than usual"
    assert ended.state == "Tue 3 June to Wed 4 June, 2 days"
    assert ended.tone == "good"


def test_many_incidents_are_counted_not_lost(report_data: ReportData) -> None:
    many = pd.concat([report_data.anomalies.head(1)] * 30)
    data = replace(report_data, anomalies=many)
    assert (len(open_incidents(data).shown), open_incidents(data).more) == (8, 22)
    words = _words(render_weekly(data))
    assert "and 22 more, in the table of anomalies" in words
    assert "and 27 more" in words


def test_an_incident_of_a_removed_metric_is_still_told(
    report_data: ReportData,
) -> None:
    definitions = report_data.definitions.iloc[1:]
    data = replace(report_data, definitions=definitions)
    assert open_incidents(data).shown[0].title == "Course revenue lower than usual"


@pytest.mark.parametrize(
    ("status", "severity", "state"),
    [
        ("passed", "error", "passed"),
        ("PASSED", None, "passed"),
        ("warned", "error", "warned"),
        ("failed", "warn", "warned"),
        ("failed", "error", "failed"),
        ("failed", None, "failed"),
        ("error", "warn", "failed"),
        ("skipped", "warn", "failed"),
        (None, "warn", "failed"),
    ],
)
def test_only_a_pass_is_a_pass(
    report_data: ReportData, status: str | None, severity: str | None, state: str
) -> None:
    checks = report_data.checks.head(1).assign(status=status, severity=severity)
    data = replace(report_data, checks=checks)
    assert check_states(data).tolist() == [state]
    assert len(findings(data)) == (state != "passed")


def test_failures_come_first_and_are_counted_by_gate(report_data: ReportData) -> None:
    checks = report_data.checks.copy()
    checks.loc[[0, 1], "status"] = "failed"
    data = replace(report_data, checks=checks)
    first = gate_rows(data)[0]
    assert (first.name, first.passed, first.warned, first.failed) == (
        "landed data",
        16,
        1,
        2,
    )
    assert [finding.state for finding in findings(data)] == ["failed"] * 2 + ["warned"]
    words = _words(render_weekly(data))
    assert "2 of 134 checks failed; read figures with care" in words


def test_many_findings_are_counted_not_lost(report_data: ReportData) -> None:
    data = replace(report_data, checks=report_data.checks.assign(status="failed"))
    page = weekly_page(data)
    assert len(page.findings) + page.more_findings == 134


def test_new_events_are_named_new(report_data: ReportData) -> None:
    (row,) = [
        event
        for event in weekly_page(report_data).events
        if event.name == "page_viewed"
    ]
    assert not row.is_new
    counts = report_data.event_counts
    fresh = counts[
        (counts["period_start"] == MONDAY) | (counts["event_name"] != "page_viewed")
    ]
    page = weekly_page(replace(report_data, event_counts=fresh))
    assert page.events[0].name == "page_viewed"
    assert page.events[0].is_new


def test_events_alone_still_name_the_week(
    report_data: ReportData, first_night: ReportData
) -> None:
    data = replace(
        first_night, event_counts=report_data.event_counts, as_of=report_data.as_of
    )
    assert weekly_page(data).week == "Mon 2 to Sun 8 June 2025"
    assert weekly_page(data).events

"""The landed tables beside events: columns, keys and times of each.

Belongs here: what `lake/<table>` holds for every table that is not `events`, in the
way `ingestion/events.py` says it for events. Not here: how a column is read from a
file (`sources/table_rows.py`), how rows become one per key (dbt's `stg_<table>`).

Every table has, beside its own columns, those of `LINEAGE`: what the file had beyond
the declared columns (`extra`), and where the row came from. All rows that landed stay:
a key that comes again is a newer copy. Staging keeps one row a key: the one with the
latest `version` column (the earliest where `keeps_first`), then the latest load, file
name and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

EVENTS: Final = "events"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column: name, DuckDB type, meaning, and how it is treated at the door.

    A row without a value in a `required` column goes to quarantine. `is_identity`:
    holds an id by which a person can be found. `is_personal`: says something about
    them that names them.
    """

    name: str
    type: str
    meaning: str
    required: bool = False
    is_identity: bool = False
    is_personal: bool = False


@dataclass(frozen=True, slots=True)
class LandedTable:
    """One table of the lake.

    `key` makes a row one of its kind, null being a value like others; `time` is the
    column whose UTC day is the partition; `version` tells newer copies of a key from
    older ones. `one_of` are columns of which a row needs at least one.
    """

    name: str
    meaning: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...]
    time: str
    version: str
    one_of: tuple[str, ...] = ()
    keeps_first: bool = False

    def column(self, name: str) -> TableColumn:
        """Give a column of its own by name."""
        return next(column for column in self.columns if column.name == name)

    def types(self) -> dict[str, str]:
        """Give every column of the lake's files with its type, in their order."""
        return {column.name: column.type for column in (*self.columns, *LINEAGE)}

    def identity_columns(self) -> tuple[str, ...]:
        """Give the columns that hold ids of a person."""
        return tuple(column.name for column in self.columns if column.is_identity)

    def files(self, lake_dir: Path) -> str:
        """Give the glob of the table's Parquet files; it always matches one."""
        return str(lake_dir / self.name / "load=*" / "date=*" / "*.parquet")


LINEAGE: Final = (
    TableColumn("extra", "VARCHAR", "JSON object text of what the file had beyond."),
    TableColumn("source", "VARCHAR", "The landing folder it came from."),
    TableColumn("file", "VARCHAR", "The file, relative to the landing folder."),
    TableColumn("line_number", "BIGINT", "Line or row of the file, from 1."),
    TableColumn("load_id", "VARCHAR", "The load that landed it."),
)

_MONEY: Final = "DECIMAL(18,6)"


def _text(name: str, meaning: str, *, required: bool = False) -> TableColumn:
    return TableColumn(name, "VARCHAR", meaning, required)


def _time(name: str, meaning: str, *, required: bool = False) -> TableColumn:
    return TableColumn(name, "TIMESTAMP", meaning, required)


def _id(name: str, meaning: str, *, required: bool = False) -> TableColumn:
    return TableColumn(name, "VARCHAR", meaning, required, is_identity=True)


def _user(*, required: bool = False) -> TableColumn:
    return _id("user_id", "The known user, as events have it.", required=required)


def _device() -> TableColumn:
    return _id("anonymous_id", "The device or browser, as events have it.")


def _updated() -> TableColumn:
    return _time("updated_at", "When the row last changed in its system (UTC).")


PERSONS: Final = LandedTable(
    name="persons",
    meaning="Snapshots of persons and their traits, one row per person and snapshot.",
    columns=(
        _user(required=True),
        _device(),
        _time("recorded_at", "When this was the state (UTC).", required=True),
        _time("created_at", "When the account was made (UTC)."),
        TableColumn("email", "VARCHAR", "Address.", is_identity=True, is_personal=True),
        TableColumn("full_name", "VARCHAR", "Name.", is_personal=True),
        _text("account_id", "The company or team the person belongs to."),
        _text("role", "Role in the product."),
        _text("plan", "Plan at the snapshot."),
        _text("country", "Country, as sent."),
        _text("locale", "Language or locale, as sent."),
    ),
    key=("user_id",),
    time="recorded_at",
    version="recorded_at",
)

SUBSCRIPTIONS: Final = LandedTable(
    name="subscriptions",
    meaning="Snapshots of subscriptions, one row per subscription and change.",
    columns=(
        _text("subscription_id", "Key of the subscription.", required=True),
        _time("recorded_at", "When this was the state (UTC).", required=True),
        _user(),
        _text("account_id", "The company or team that pays."),
        _text("plan", "The plan or price."),
        _text("status", "trialing, active, past_due, paused, canceled, ..."),
        _time("started_at", "Start (UTC)."),
        _time("trial_ends_at", "End of the trial, if there is one (UTC)."),
        _time("canceled_at", "When it was canceled (UTC)."),
        _time("ends_at", "When it ends or ended (UTC); null = runs on."),
        _text("billing_period", "day, week, month, quarter or year."),
        TableColumn("billing_period_count", "BIGINT", "Periods a bill covers."),
        TableColumn("quantity", "BIGINT", "Seats or units."),
        TableColumn("amount", _MONEY, "Money of one bill, all units together."),
        _text("currency", "Currency of `amount`."),
    ),
    key=("subscription_id",),
    time="recorded_at",
    version="recorded_at",
)

PAYMENTS: Final = LandedTable(
    name="payments",
    meaning="Payments, orders and refunds: one row per movement of money.",
    columns=(
        _text(
            "payment_id", "Key of the movement; a refund has its own.", required=True
        ),
        _time("occurred_at", "When the money moved (UTC).", required=True),
        _updated(),
        _text("kind", "payment (default), refund or chargeback."),
        _text("status", "succeeded (default), pending, failed, ..."),
        _user(),
        _text("account_id", "The company or team that pays."),
        _text("order_id", "The order."),
        _text("subscription_id", "The subscription that is paid, if one is."),
        _text("refund_of", "Of a refund: the `payment_id` it gives back."),
        TableColumn(
            "amount", _MONEY, "Money as sent, tax included; staging signs it.", True
        ),
        TableColumn("tax", _MONEY, "Tax inside `amount`."),
        TableColumn("fee", _MONEY, "What the payment provider keeps."),
        _text("currency", "Currency of the money."),
        _text("product", "What was bought."),
        TableColumn("quantity", "BIGINT", "How many."),
    ),
    key=("payment_id",),
    time="occurred_at",
    version="updated_at",
)

SPEND: Final = LandedTable(
    name="spend",
    meaning="Marketing spend: one row per day, campaign and place.",
    columns=(
        TableColumn("spend_date", "DATE", "Day, in the ad account's zone.", True),
        _updated(),
        _text("utm_source", "Campaign source, as events have it."),
        _text("utm_medium", "Campaign medium."),
        _text("utm_campaign", "Campaign name."),
        _text("ad_group", "Ad group or set."),
        _text("ad", "The single ad."),
        _text("country", "Country it was shown in."),
        _text("platform", "Platform it was shown on."),
        TableColumn("amount", _MONEY, "Money spent.", True),
        _text("currency", "Currency of `amount`."),
        TableColumn("impressions", "BIGINT", "Times shown."),
        TableColumn("clicks", "BIGINT", "Clicks."),
    ),
    key=(
        *("source", "spend_date", "utm_source", "utm_medium", "utm_campaign"),
        *("ad_group", "ad", "country", "platform", "currency"),
    ),
    time="spend_date",
    version="updated_at",
)

ASSIGNMENTS: Final = LandedTable(
    name="assignments",
    meaning="Experiment assignments: one row per experiment, unit and variant.",
    columns=(
        _text("experiment", "Name of the experiment, as declared.", required=True),
        _text("variant", "Name of the variant.", required=True),
        _id("unit_id", "What was assigned: a user, device, account.", required=True),
        _text("unit", "person (default), account, session or device."),
        _time("assigned_at", "When it was assigned (UTC).", required=True),
        _user(),
        _device(),
    ),
    key=("experiment", "unit", "unit_id", "variant"),
    time="assigned_at",
    version="assigned_at",
    keeps_first=True,
)

CONSENTS: Final = LandedTable(
    name="consents",
    meaning="Consent: one row per decision of a person about a purpose.",
    columns=(
        _user(),
        _device(),
        _text("purpose", "What for, such as analytics or marketing.", required=True),
        TableColumn("is_granted", "BOOLEAN", "True = allowed, false = refused.", True),
        _time("decided_at", "From when the decision holds (UTC).", required=True),
        _text("policy_version", "The text that was agreed to."),
        _text("channel", "Where it was given: banner, settings, support, ..."),
    ),
    key=("user_id", "anonymous_id", "purpose", "decided_at"),
    time="decided_at",
    version="decided_at",
    one_of=("user_id", "anonymous_id"),
)

ERASURE_REQUESTS: Final = LandedTable(
    name="erasure_requests",
    meaning="Requests to erase a person: one row per request.",
    columns=(
        _text("request_id", "Key of the request, if it has one."),
        _user(),
        _device(),
        TableColumn("email", "VARCHAR", "Address.", is_identity=True, is_personal=True),
        _time("requested_at", "When the person asked (UTC).", required=True),
        _text("reason", "Why, as sent."),
    ),
    key=("request_id", "user_id", "anonymous_id", "email"),
    time="requested_at",
    version="requested_at",
    one_of=("user_id", "anonymous_id", "email"),
    keeps_first=True,
)

LANDED_TABLES: Final[Mapping[str, LandedTable]] = {
    table.name: table
    for table in (
        *(PERSONS, SUBSCRIPTIONS, PAYMENTS, SPEND, ASSIGNMENTS),
        *(CONSENTS, ERASURE_REQUESTS),
    )
}


def lake_tables() -> Iterator[str]:
    """Give the folders of the lake that hold loads, events first."""
    yield EVENTS
    yield from LANDED_TABLES

"""`mrr` of `revenue.yml`: which subscriptions recur, and what a month of them is worth.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `mrr_checks`; the SQL is `mrr_sql`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ingestion.catalog.fields import (
    Declared,
    DistinctNames,
    EventNames,
    ExpressionText,
    Name,
    Text,
)

Customer = Literal["person", "account"]
# A subscription in arrears still stands; one on trial or paused earns nothing.
PAYING_STATUSES: Final = ("active", "past_due")


class SubscriptionEvents(Declared):
    """Events that say what a subscription is worth from their moment on."""

    changed: EventNames = Field(
        description="Events after which a subscription has the amount they carry: "
        "started, upgraded, downgraded, renewed."
    )
    ended: EventNames = Field(description="Events that end a subscription.")
    where: ExpressionText | None = Field(
        default=None, description="Only events where this."
    )
    amount: ExpressionText = Field(
        description="Money of one bill, without tax, such as property_number('price')."
    )
    months: ExpressionText = Field(
        default="1",
        description="Months that a bill covers: 12, or an expression such as "
        "case property('period') when 'year' then 12 else 1 end.",
    )
    subscription: ExpressionText | None = Field(
        default=None,
        description="Id of the subscription; default: a customer has one at most.",
    )
    account: ExpressionText | None = Field(
        default=None,
        description="Id of the account that pays; needed with `customer: account`.",
    )


class MrrSpec(Declared):
    """Monthly recurring revenue of some subscriptions."""

    name: Name = Field(description="Its lasting name: history hangs on it.")
    label: Text | None = Field(default=None, description="The name people read.")
    description: Text | None = Field(
        default=None, description="What it tells, one sentence."
    )
    owner: Text | None = Field(default=None, description="Who answers for it.")
    customer: Customer = Field(
        default="person",
        description="Whose subscriptions are added up: a person's or an account's. A "
        "second subscription of a customer is expansion, not a new customer.",
    )
    events: SubscriptionEvents | None = Field(
        default=None,
        description="Events that tell the subscriptions; default: the landed table "
        "`subscriptions`.",
    )
    source: (
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None
    ) = Field(
        examples=["billing"],
        default=None,
        description="Only rows of this source; of the table `subscriptions`.",
    )
    paying_statuses: DistinctNames = Field(
        default=PAYING_STATUSES,
        min_length=1,
        description="Statuses that earn; a row without a status earns. Of the table "
        "`subscriptions`.",
    )
    include_bots: bool = Field(
        default=False, description="Count bots and internal traffic too; of events."
    )

    @model_validator(mode="after")
    def _fits_its_source(self) -> Self:
        table_only = {"source", "paying_statuses"} & self.model_fields_set
        if self.events and table_only:
            listed = " and ".join(sorted(table_only))
            raise ValueError(f"{listed} is of the table, and this reads events")
        if self.events is None and self.include_bots:
            raise ValueError("include_bots is of events, and this reads the table")
        if self.events and self.customer == "account" and not self.events.account:
            raise ValueError("`customer: account` needs `events.account`")
        return self

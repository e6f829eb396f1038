"""The event kinds: each event name with the properties a client would send.

Every event carries two integers, from which SQL makes its properties when files
are written: `subject`, shared by the events of one flow (the course, the story,
the order), and `number`, the event's own (see `measures`; the step within the flow
unless said otherwise). Who does what when is in `behaviours`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.simulator.vocabulary import (
    COURSE_CATEGORIES,
    COURSE_COUNT,
    COURSE_PLANS,
    EMAIL_TEMPLATES,
    ENDPOINTS,
    FEATURES,
    INDUSTRIES,
    JOBS,
    PAGES,
    PLANS,
    ROLES,
)

MONEY = "(number::decimal(15, 0) * 0.01::decimal(3, 2))::varchar"
WHOLE = "(number // 100)::varchar"


def choose(values: tuple[str, ...], by: str) -> str:
    """SQL for one of the values, chosen by an integer row expression."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"([{listed}])[1 + ({by}) % {len(values)}]"


def pick(values: tuple[str, ...], by: str) -> str:
    """SQL for one of the values as a JSON string."""
    return choose(tuple(f'"{value}"' for value in values), by)


def text(sql: str) -> str:
    """SQL for a JSON string around a row expression without special characters."""
    return f"concat('\"', {sql}, '\"')"


def plan_mrr(by: str) -> str:
    """SQL for the monthly fee of a plan code, as a JSON number."""
    fees = ", ".join(f"'{plan.mrr_cents / 100:.2f}'" for plan in PLANS)
    return f"([{fees}, '0.00'])[1 + ({by})]"


@dataclass(frozen=True)
class Kind:
    """One event name.

    Attributes:
        name, category: as declared in a catalog.
        gap_seconds: median pause before it inside a session.
        page: SQL for the page it happens on, as text; null when none.
        value: SQL for the number in `value`, as text; null when none.
        has_revenue: whether `number` is money earned (or given back) in cents.
        properties: property name to SQL for its JSON text.
    """

    name: str
    category: str
    gap_seconds: float = 25.0
    page: str | None = None
    value: str | None = None
    has_revenue: bool = False
    properties: dict[str, str] = field(default_factory=dict)


COURSE = {
    "course_id": text(f"'course-', 1 + subject % {COURSE_COUNT}"),
    "course_category": pick(COURSE_CATEGORIES, f"subject % {COURSE_COUNT}"),
}
ORDER = {"order_id": text("'ord-', to_hex(subject)")}
CART = COURSE | ORDER | {"plan": pick(COURSE_PLANS, "subject >> 8")}
PAYMENT = {
    "purpose": "case when subject < 0 then '\"subscription\"' else '\"course\"' end",
    "currency": "'\"USD\"'",
}
STORY = {
    "story_id": text("'story-', 1 + subject % 400"),
    "role": pick(ROLES, "number"),
}
VIDEO = {"video_id": text("'vid-', to_hex(subject)")}
EMAIL = {
    "email_id": text("'mail-', number"),
    "template": pick(EMAIL_TEMPLATES, "subject"),
}
INVITE = {"invite_id": text("'inv-', number")}
CHALLENGE = {"challenge": text("'challenge-', 1 + subject % 12")}
# A subscription's subject is new plan + 8 x previous plan; 6 means none.
SUBSCRIPTION = {
    "plan": pick((*(plan.name for plan in PLANS), "none"), "subject & 7"),
    "previous_plan": pick((*(plan.name for plan in PLANS), "none"), "subject >> 3"),
    "billing_period": pick(
        (*(plan.period for plan in PLANS), "none"),
        "least(subject & 7, subject >> 3)",
    ),
    "mrr": plan_mrr("subject & 7"),
    "previous_mrr": plan_mrr("subject >> 3"),
}

KINDS: tuple[Kind, ...] = (
    Kind(
        "page_viewed",
        "engagement",
        20,
        page=choose(PAGES, "(subject >> 4) + number"),
    ),
    Kind("signed_up", "identity", 45, page="'/sign-up'"),
    Kind("logged_in", "identity", page="'/log-in'"),
    Kind("course_viewed", "learning", page="'/courses'", properties=COURSE),
    Kind("course_started", "learning", 15, properties=COURSE),
    Kind(
        "lesson_completed",
        "learning",
        240,
        properties=COURSE | {"lesson": "number::varchar"},
    ),
    Kind("course_completed", "learning", 10, properties=COURSE),
    Kind("checkout_started", "commerce", 40, value=MONEY, properties=CART),
    Kind("purchase_completed", "commerce", 75, has_revenue=True, properties=CART),
    Kind("refund_issued", "commerce", has_revenue=True, properties=CART),
    Kind("video_uploaded", "content", 60, properties=VIDEO),
    Kind("video_analyzed", "content", 30, value=MONEY, properties=VIDEO),
    Kind(
        "videos_compared",
        "content",
        45,
        properties=VIDEO | {"other_video_id": text("'vid-', to_hex(subject // 3)")},
    ),
    Kind(
        "calculator_step_completed",
        "research",
        20,
        page="'/calculator'",
        properties={"step": "(number + 1)::varchar"},
    ),
    Kind(
        "assessment_completed",
        "research",
        8,
        page="'/calculator'",
        properties={
            "risk_level": "case when number < 3500 then '\"low\"'"
            " when number < 7000 then '\"medium\"' else '\"high\"' end",
            "risk_score": MONEY,
            "job_title": pick(JOBS, "person"),
            "industry": pick(INDUSTRIES, f"person // {len(JOBS)}"),
        },
    ),
    Kind("lead_submitted", "growth", 30, page="'/calculator'"),
    Kind("story_started", "content", page="'/stories'", properties=STORY),
    Kind("story_completed", "content", 300, page="'/stories'", properties=STORY),
    # The number is from-role + 4 x to-role + 16 x succeeded + 32 x days.
    Kind(
        "role_migrated",
        "identity",
        properties={
            "from_role": pick(ROLES, "number & 3"),
            "to_role": pick(ROLES, "(number >> 2) & 3"),
            "succeeded": "case when (number >> 4) & 1 = 1 then 'true' else 'false' end",
            "adaptation_days": "(number >> 5)::varchar",
        },
    ),
    Kind("subscription_started", "subscription", properties=SUBSCRIPTION),
    Kind("subscription_upgraded", "subscription", properties=SUBSCRIPTION),
    Kind("subscription_downgraded", "subscription", properties=SUBSCRIPTION),
    Kind("subscription_cancelled", "subscription", properties=SUBSCRIPTION),
    Kind("subscription_renewed", "subscription", properties=SUBSCRIPTION),
    Kind("payment_succeeded", "commerce", value=MONEY, properties=PAYMENT),
    Kind("payment_failed", "commerce", value=MONEY, properties=PAYMENT),
    Kind("invite_sent", "growth", 40, properties=INVITE),
    Kind(
        "invite_accepted",
        "growth",
        2,
        properties=INVITE | {"inviter_id": text("'u', lpad(subject::varchar, 8, '0')")},
    ),
    Kind(
        "content_shared",
        "growth",
        properties={"channel": pick(("email", "link", "whatsapp", "x"), "subject")},
    ),
    Kind(
        "achievement_unlocked",
        "gamification",
        2,
        properties={"achievement": text("'badge-', 1 + subject % 12")},
    ),
    Kind("challenge_joined", "gamification", properties=CHALLENGE),
    Kind(
        "challenge_completed",
        "gamification",
        400,
        properties=CHALLENGE | {"points": "number::varchar"},
    ),
    Kind(
        "page_loaded", "operations", 1, page=choose(PAGES, "subject >> 4"), value=MONEY
    ),
    Kind(
        "api_called",
        "operations",
        0.6,
        value=MONEY,
        properties={
            "endpoint": pick(ENDPOINTS, "subject"),
            "status": "case when number % 211 = 0 then '500'"
            " when number % 97 = 0 then '404' else '200' end",
        },
    ),
    Kind(
        "error_raised",
        "operations",
        2,
        properties={"code": pick(("E_TIMEOUT", "E_RENDER", "E_NETWORK"), "subject")},
    ),
    Kind("email_sent", "messaging", properties=EMAIL),
    Kind("email_delivered", "messaging", properties=EMAIL),
    Kind("email_opened", "messaging", properties=EMAIL),
    Kind(
        "survey_answered",
        "research",
        60,
        value=WHOLE,
        properties={"survey": "'\"nps\"'"},
    ),
    Kind(
        "experiment_exposed",
        "research",
        0.3,
        properties={
            "experiment": "'\"checkout_redesign\"'",
            "variant": pick(("control", "treatment"), "number"),
        },
    ),
    Kind(
        "feature_used",
        "engagement",
        30,
        properties={"feature": pick(FEATURES, "(subject >> 4) + number")},
    ),
)
KIND = {kind.name: code for code, kind in enumerate(KINDS)}

"""Whatever happens has its cause before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ingestion.simulator.conftest import Simulated

# Effect, cause, and the property both share.
CHAINS = [
    ("purchase_completed", "checkout_started", "order_id"),
    ("refund_issued", "purchase_completed", "order_id"),
    ("email_delivered", "email_sent", "email_id"),
    ("email_opened", "email_delivered", "email_id"),
    ("video_analyzed", "video_uploaded", "video_id"),
    ("videos_compared", "video_analyzed", "video_id"),
    ("course_completed", "course_started", "course_id"),
    ("lesson_completed", "course_started", "course_id"),
    ("story_completed", "story_started", "story_id"),
    ("challenge_completed", "challenge_joined", "challenge"),
]


@pytest.mark.parametrize(("effect", "cause", "key"), CHAINS)
def test_cause_precedes_effect(
    clean: Simulated, effect: str, cause: str, key: str
) -> None:
    total, orphans = clean.rows(
        f"""
        with effects as (
            select event_id, person, occurred_at, properties ->> '{key}' as key
            from events where event_name = '{effect}'
        ),
        causes as (
            select person, min(occurred_at) as since, properties ->> '{key}' as key
            from events where event_name = '{cause}' group by all
        )
        select count(*), count(*) filter (since is null or since >= occurred_at)
        from effects left join causes using (person, key)
        """
    )[0]
    assert total > 0
    assert orphans == 0


def test_refunds_give_back_what_was_paid(clean: Simulated) -> None:
    assert (
        clean.value(
            """
        select count(*) from events refund
        left join events purchase
            on purchase.event_name = 'purchase_completed'
            and purchase.properties ->> 'order_id' = refund.properties ->> 'order_id'
            and purchase.revenue = -refund.revenue
        where refund.event_name = 'refund_issued' and purchase.event_id is null
        """
        )
        == 0
    )


def test_accepted_invites_were_sent_by_the_inviter_before(clean: Simulated) -> None:
    assert clean.rows(
        """
        select
            count(*) filter (sent.event_id is null),
            count(*) filter (sent.user_id <> accepted.properties ->> 'inviter_id'),
            count(*) filter (sent.occurred_at >= accepted.occurred_at),
            count(*) filter (sent.user_id = accepted.user_id),
            count(*) - count(distinct accepted.properties ->> 'invite_id'),
            count(*) - count(distinct accepted.user_id)
        from events accepted left join events sent
            on sent.event_name = 'invite_sent'
            and sent.properties ->> 'invite_id' = accepted.properties ->> 'invite_id'
        where accepted.event_name = 'invite_accepted'
        """
    ) == [(0, 0, 0, 0, 0, 0)]


def test_subscription_states_follow_one_another(clean: Simulated) -> None:
    """Each change starts from the plan and fee the change before it left."""
    breaks = clean.value(
        """
        with changes as (
            select
                event_name,
                properties ->> 'previous_plan' as previous_plan,
                properties ->> 'previous_mrr' as previous_mrr,
                lag(properties ->> 'plan', 1, 'none') over person as held,
                lag(properties ->> 'mrr', 1, '0.00') over person as paid,
                properties ->> 'plan' as plan
            from events where event_name like 'subscription\\_%' escape '\\'
            window person as (partition by person order by occurred_at)
        )
        select count(*) from changes where previous_plan <> held
            or previous_mrr::decimal(18, 2) <> paid::decimal(18, 2)
            or (event_name = 'subscription_started') <> (held = 'none')
            or (event_name = 'subscription_cancelled') <> (plan = 'none')
        """
    )
    assert breaks == 0


def test_nothing_is_known_of_a_person_before_sign_up(clean: Simulated) -> None:
    assert clean.rows(
        """
        with signs as (
            select person, min(occurred_at) as signed_up_at, count(*) as times
            from events where event_name = 'signed_up' group by all
        )
        select
            count(*) filter (user_id is not null and signed_up_at is null),
            count(*) filter (user_id is not null and occurred_at < signed_up_at),
            count(*) filter (user_id is null and occurred_at >= signed_up_at),
            count(*) filter (times > 1)
        from events left join signs using (person)
        """
    ) == [(0, 0, 0, 0)]


def test_devices_belong_to_one_person_and_some_have_two(clean: Simulated) -> None:
    shared, second = clean.rows(
        """
        with devices as (
            select anonymous_id, count(distinct user_id) as users,
                any_value(person) as p
            from events where is_client group by all
        )
        select count(*) filter (users > 1), count(*) - count(distinct p) from devices
        """
    )[0]
    assert shared == 0
    assert second > 50


def test_roles_migrate_from_the_role_held(clean: Simulated) -> None:
    moves, breaks = clean.rows(
        """
        with moves as (
            select
                properties ->> 'from_role' as source,
                lag(
                    case when (properties ->> 'succeeded')::boolean
                        then properties ->> 'to_role'
                        else properties ->> 'from_role' end
                ) over (partition by person order by occurred_at) as held
            from events where event_name = 'role_migrated'
        )
        select count(*), count(*) filter (source <> held) from moves
        """
    )[0]
    assert moves > 0
    assert breaks == 0


def test_calculator_steps_lead_to_the_assessment(clean: Simulated) -> None:
    steps = dict(
        clean.rows(
            """select (properties ->> 'step')::int, count(*) from events
            where event_name = 'calculator_step_completed' group by all"""
        )
    )
    assert sorted(steps) == [1, 2, 3, 4, 5]
    assert [steps[step] for step in sorted(steps)] == sorted(
        steps.values(), reverse=True
    )
    levels = clean.rows(
        """
        with assessments as (
            select properties ->> 'risk_level' as level,
                (properties ->> 'risk_score')::double as score
            from events where event_name = 'assessment_completed'
        )
        select level, min(score), max(score) from assessments group by all order by 2
        """
    )
    assert [level for level, _, _ in levels] == ["low", "medium", "high"]
    assert levels[0][2] < 35 <= levels[1][1]
    assert levels[1][2] < 70 <= levels[2][1]


def test_all_is_received_after_it_occurred_and_within_the_period(
    clean: Simulated,
) -> None:
    assert clean.rows(
        """
        select bool_and(received_at > occurred_at), min(day)::varchar,
            max(received_at)::date::varchar
        from events
        """
    ) == [(True, "2026-01-19", "2026-03-09")]


def test_categories_are_those_of_the_contract(clean: Simulated) -> None:
    categories = {
        "engagement", "learning", "commerce", "subscription", "content", "growth",
        "gamification", "operations", "messaging", "research", "identity",
    }  # fmt: skip
    found = {name for (name,) in clean.rows("select distinct category from events")}
    assert found == categories

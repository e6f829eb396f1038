{# The events of one way of inviting persons, each with what it is to it. #}

{% macro declared_referrals() %}
    {{ return(compiled_definitions('catalog_referrals', 'referral_name', ['event_rules_hash'])) }}
{% endmacro %}


{% macro events_of_referral(referral, mark) -%}
    select
        '{{ referral.referral_name }}' as referral_name,
        '{{ referral.declaration }}' as declaration,
        event_date,
        event_id,
        occurred_at,
        person_id,
        coalesce({{ referral.sign_up_filter_sql }}, false) as is_sign_up,
        coalesce({{ referral.invite_filter_sql }}, false) as is_invite,
        coalesce({{ referral.accepted_filter_sql }}, false) as is_acceptance,
        coalesce({{ referral.reward_filter_sql }}, false) as is_reward,
        {{ referral.invitee_sql or 'cast(null as ' ~ dbt.type_string() ~ ')' }} as invitee_identity,
        {{ referral.key_sql or 'cast(null as ' ~ dbt.type_string() ~ ')' }} as invite_key,
        {{ referral.reward_sql or 'cast(null as decimal(18, 6))' }} as reward_amount
    from {{ ref('int_events') }}
    {{ joined_person_properties(referral) }}
    where
        (
            ({{ referral.sign_up_filter_sql }})
            or ({{ referral.invite_filter_sql }})
            or ({{ referral.accepted_filter_sql }})
            or ({{ referral.reward_filter_sql }})
        )
        and person_id is not null
        {% if not referral.is_whole -%}
        and {{ lies_in_changed_days('event_date', mark) }}
        {% endif -%}
        {{ and_kept_traffic(referral) }}
{%- endmacro %}


{% macro no_referral_events() -%}
    select
        cast(null as {{ dbt.type_string() }}) as referral_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as event_date,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as timestamp) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as person_id,
        cast(null as boolean) as is_sign_up,
        cast(null as boolean) as is_invite,
        cast(null as boolean) as is_acceptance,
        cast(null as boolean) as is_reward,
        cast(null as {{ dbt.type_string() }}) as invitee_identity,
        cast(null as {{ dbt.type_string() }}) as invite_key,
        cast(null as decimal(18, 6)) as reward_amount
    where false
{%- endmacro %}

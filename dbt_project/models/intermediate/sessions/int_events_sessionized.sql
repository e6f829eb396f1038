{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='event_id',
        meta={
            'declared_by': ['sessions_hash', 'event_rules_hash'],
            'changed': {
                'column': 'event_date',
                'values': 'changed_days_since',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}
{% set timeout = setting('session_timeout_seconds') | int %}
{% set longest = setting('session_max_seconds') | int %}
{% set cuts_on_campaign = setting('session_cut_on_campaign_change') == 'true' %}
{% set in_person_order = 'partition by person_id order by occurred_at, event_id' %}

{% if setting('session_mode') == 'vendor' %}
with changed_events as (

    select
        person_id,
        occurred_at,
        event_id,
        event_date,
        utm_campaign,
        vendor_session_id
    from {{ ref('int_events') }}
    where
        {% if is_incremental() %}
        {{ lies_in_changed_days('event_date', mark) }}
        and
        {% endif %}
        person_id is not null
        and vendor_session_id is not null

),

{% if is_incremental() %}
reached_sessions as (

    select vendor_session_id from changed_events
    union
    select vendor_session_id from {{ this }}
    where {{ lies_in_changed_days('event_date', mark) }}

),

neighbouring_events as (

    select
        placed.person_id,
        placed.occurred_at,
        placed.event_id,
        placed.event_date,
        placed.utm_campaign,
        placed.vendor_session_id
    from {{ this }} as placed
    inner join reached_sessions
        on placed.vendor_session_id = reached_sessions.vendor_session_id
    where not {{ lies_in_changed_days('placed.event_date', mark) }}

),
{% endif %}

events_to_place as (

    select * from changed_events
    {% if is_incremental() %}
    union all
    select * from neighbouring_events
    {% endif %}

),

started as (

    select
        *,
        min(occurred_at) over (partition by vendor_session_id) as visit_started_at,
        row_number() over (
            partition by vendor_session_id order by occurred_at, event_id
        ) as event_order
    from events_to_place

),

-- A client that keeps an id for ever: what comes after the cap lies in no session.
final as (

    select
        event_id,
        person_id,
        occurred_at,
        event_date,
        utm_campaign,
        vendor_session_id,
        event_order,
        visit_started_at,
        case
            when occurred_at <= visit_started_at + interval '{{ longest }}' second
                then vendor_session_id
        end as session_id,
        visit_started_at as session_started_at,
        cast(visit_started_at as date) as session_start_date,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from started

)
{% else %}
with recursive changed_days as (

    {{ changed_days_since(mark) }}

),

-- Everything of the changed days is placed again.
changed_events as (

    select
        person_id,
        occurred_at,
        event_id,
        event_date,
        utm_campaign
    from {{ ref('int_events') }}
    where
        {% if is_incremental() %}
        {{ lies_in_changed_days('event_date', mark) }}
        and
        {% endif %}
        person_id is not null
        -- What a server reports on its own neither opens nor extends a session.
        and (
            coalesce(platform, '')
            not in {{ sql_list(fromjson(setting('server_platforms'))) }}
            or anonymous_id is not null
            or device_type is not null
        )

),

{% if is_incremental() %}
reach_of_changes as (

    select
        changed_days.event_date + neighbour.offset_days as event_date,
        changed_days.event_date - interval '{{ timeout }}' second as reached_from,
        changed_days.event_date + interval '{{ 86400 + timeout }}' second as reached_to
    from changed_days
    cross join (values (-1), (0), (1)) as neighbour (offset_days)

),

-- Runs of activity that touch a changed day, or come within the timeout of one, may
-- grow, split or join: what of them lies on other days is placed again too.
reached_visits as (

    select distinct
        placed.person_id,
        placed.visit_started_at
    from {{ this }} as placed
    inner join reach_of_changes on placed.event_date = reach_of_changes.event_date
    where
        {{ lies_in_changed_days('placed.event_date', mark, days_around=1) }}
        and placed.occurred_at >= reach_of_changes.reached_from
        and placed.occurred_at <= reach_of_changes.reached_to

),

neighbouring_events as (

    select
        placed.person_id,
        placed.occurred_at,
        placed.event_id,
        placed.event_date,
        placed.utm_campaign
    from {{ this }} as placed
    inner join reached_visits
        on
            placed.person_id = reached_visits.person_id
            and placed.visit_started_at = reached_visits.visit_started_at
    where placed.event_date not in (select event_date from changed_days)

),
{% endif %}

events_to_place as (

    select * from changed_events
    {% if is_incremental() %}
    union all
    select * from neighbouring_events
    {% endif %}

),

compared_with_previous as (

    select
        *,
        lag(occurred_at) over ({{ in_person_order }}) as previous_at
    from events_to_place

),

opened as (

    select
        *,
        previous_at is null
        or occurred_at - previous_at > interval '{{ timeout }}' second as opens_visit
    from compared_with_previous

),

{% if cuts_on_campaign %}
-- Within a visit: which earlier ones are at hand depends on what is placed again.
told_of_campaigns as (

    select
        *,
        last_value(utm_campaign ignore nulls) over (
            partition by person_id, visit_number
            order by occurred_at, event_id
            rows between unbounded preceding and 1 preceding
        ) as previous_campaign
    from (
        select
            *,
            count(case when opens_visit then 1 end) over ({{ in_person_order }})
                as visit_number
        from opened
    ) as numbered

),

{% endif %}
cut as (

    select
        *,
        false
        {% if setting('session_cut_at_midnight') == 'true' %}
        or cast({{ to_local_time('occurred_at') }} as date)
        <> cast({{ to_local_time('previous_at') }} as date)
        {% endif %}
        {% if cuts_on_campaign %}
        or utm_campaign <> previous_campaign
        {% endif %}
        as is_cut
    from {{ 'told_of_campaigns' if cuts_on_campaign else 'opened' }}

),

segmented as (

    select
        person_id,
        occurred_at,
        event_id,
        event_date,
        utm_campaign,
        last_value(case when opens_visit then occurred_at end ignore nulls)
            over ({{ in_person_order }}) as visit_started_at,
        last_value(case when opens_visit or is_cut then event_id end ignore nulls)
            over ({{ in_person_order }}) as segment_id,
        last_value(case when opens_visit or is_cut then occurred_at end ignore nulls)
            over ({{ in_person_order }}) as segment_started_at,
        -- Orders the events of one session; two rebuilds may number differently.
        row_number() over ({{ in_person_order }}) as event_order
    from cut

),

-- Longer than a session may be: rare, so only these are walked step by step.
overlong_moments as (

    select distinct
        segment_id,
        segment_started_at,
        occurred_at,
        min(event_id) over (partition by segment_id, occurred_at) as first_event_id,
        min(occurred_at) over (
            partition by segment_id
            order by occurred_at
            range between interval '{{ longest }}.000001' second following
            and unbounded following
        ) as next_started_at
    from segmented
    where
        segment_id in (
            select longer.segment_id
            from segmented as longer
            where longer.occurred_at > longer.segment_started_at + interval '{{ longest }}' second
        )

),

capped_sessions as (

    select
        segment_id,
        segment_id as session_id,
        occurred_at as session_started_at,
        next_started_at
    from overlong_moments
    where occurred_at = segment_started_at
    union all
    select
        overlong_moments.segment_id,
        overlong_moments.first_event_id as session_id,
        overlong_moments.occurred_at as session_started_at,
        overlong_moments.next_started_at
    from capped_sessions
    inner join overlong_moments
        on
            capped_sessions.segment_id = overlong_moments.segment_id
            and capped_sessions.next_started_at = overlong_moments.occurred_at

),

final as (

    select
        segmented.event_id,
        segmented.person_id,
        segmented.occurred_at,
        segmented.event_date,
        segmented.utm_campaign,
        null as vendor_session_id,
        segmented.event_order,
        segmented.visit_started_at,
        coalesce(capped_sessions.session_id, segmented.segment_id) as session_id,
        coalesce(capped_sessions.session_started_at, segmented.segment_started_at)
            as session_started_at,
        cast(
            coalesce(capped_sessions.session_started_at, segmented.segment_started_at)
            as date
        ) as session_start_date,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from segmented
    left join capped_sessions
        on
            segmented.segment_id = capped_sessions.segment_id
            and segmented.occurred_at >= capped_sessions.session_started_at
            and segmented.occurred_at
            < coalesce(
                capped_sessions.next_started_at, timestamp '9999-12-31 00:00:00'
            )

)
{% endif %}

select * from final

{# Sessions by inactivity. A stretch of time no longer than the timeout holds no gap that
   ends a session, so a person's events are first taken together by such stretches, and
   only these are put in order: to order 10 million events took 20 times as long. #}

{# One row for each session and UTC day on which it has events. A visit is a run of
   activity without a gap; the declared rules cut sessions from it. #}
{% macro sessions_by_inactivity(mark) -%}
    {%- set timeout = setting('session_timeout_seconds') -%}
    {%- set session_start = 'session_started_at' if is_cut() else 'visit_started_at' -%}
    {%- set in_person_order = 'partition by person_key order by first_at' -%}
    with recursive events_to_place as {{ inline_cte() }} (

        {{ events_to_place(mark, ['occurred_at'] + (['utm_campaign', 'event_id'] if cuts_on_campaign() else [])) }}

    ),

    stretches as (

        select
            person_key,
            event_date,
            min(occurred_at) as first_at,
            max(occurred_at) as last_at,
            count(*) as event_count
            {%- if cuts_on_campaign() %},
            {{ last_known('utm_campaign', 'event_id') }} as utm_campaign
            {%- endif %}
        from events_to_place
        group by person_key, event_date, {{ stretch_of('occurred_at') }}

    ),

    compared_with_previous as (

        select
            *,
            lag(last_at) over ({{ in_person_order }}) as previous_at
        from stretches

    ),

    opened as (

        select
            *,
            previous_at is null
            or first_at - previous_at > interval '{{ timeout }}' second as opens_visit
        from compared_with_previous

    ),

    {% if cuts_on_campaign() -%}
    numbered as (

        select
            *,
            count(case when opens_visit then 1 end) over ({{ in_person_order }})
                as visit_number
        from opened

    ),

    -- Within a visit: which earlier ones are at hand depends on what is placed again.
    told_of_campaigns as (

        select
            *,
            last_value(utm_campaign ignore nulls) over (
                partition by person_key, visit_number
                order by first_at
                rows between unbounded preceding and 1 preceding
            ) as previous_campaign
        from numbered

    ),

    {% endif -%}
    begun as (

        select
            *,
            last_value(case when opens_visit then first_at end ignore nulls)
                over ({{ in_person_order }}) as visit_started_at
            {%- if is_cut() %},
            last_value(case when opens_visit or {{ is_cut() }} then first_at end ignore nulls)
                over ({{ in_person_order }}) as session_started_at
            {%- endif %}
        from {{ 'told_of_campaigns' if cuts_on_campaign() else 'opened' }}

    ),

    days as (

        select
            person_key,
            visit_started_at,
            {{ session_start }} as session_started_at,
            event_date,
            min(first_at) as first_at,
            max(last_at) as last_at,
            cast(sum(event_count) as bigint) as event_count
        from begun
        group by person_key, visit_started_at, {{ session_start }}, event_date

    ),

    {{ overlong_sessions() }}

    select
        days.person_key,
        cast(null as {{ dbt.type_string() }}) as vendor_session_id,
        days.visit_started_at,
        days.session_started_at,
        days.event_date,
        days.first_at,
        days.last_at,
        days.event_count
    from days
    left join overlong
        on
            days.person_key = overlong.person_key
            and days.session_started_at = overlong.session_started_at
    where overlong.person_key is null
    union all
    select
        person_key,
        cast(null as {{ dbt.type_string() }}) as vendor_session_id,
        visit_started_at,
        session_started_at,
        event_date,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at,
        cast(sum(event_count) as bigint) as event_count
    from capped_moments
    group by person_key, visit_started_at, session_started_at, event_date
{%- endmacro %}


{# The stretch of time that a moment lies in. Where a session ends at midnight, a stretch
   does too; where campaigns cut, each moment is told apart, and is never divided. #}
{% macro stretch_of(occurred_at) -%}
    {%- if cuts_on_campaign() -%}
    {{ occurred_at }}
    {%- else -%}
    {{ whole_periods_between("timestamp '1970-01-01 00:00:00'", occurred_at, setting('session_timeout_seconds') | int) }}
    {%- if cuts_at_midnight() -%}
    , cast({{ to_local_time(occurred_at) }} as date)
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro cuts_on_campaign() %}{{ return(setting('session_cut_on_campaign_change') == 'true') }}{% endmacro %}


{% macro cuts_at_midnight() %}{{ return(setting('session_cut_at_midnight') == 'true') }}{% endmacro %}


{# Whether what comes within the timeout begins another session all the same. #}
{% macro is_cut() -%}
    {%- set rules = [] -%}
    {%- if cuts_at_midnight() -%}
        {%- do rules.append(
            'cast(' ~ to_local_time('first_at') ~ ' as date) <> cast(' ~ to_local_time('previous_at') ~ ' as date)'
        ) -%}
    {%- endif -%}
    {%- if cuts_on_campaign() -%}{%- do rules.append('utm_campaign <> previous_campaign') -%}{%- endif -%}
    {{ return(rules | join(' or ')) }}
{%- endmacro %}

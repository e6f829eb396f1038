{# Sessions by inactivity. A stretch of time no longer than the timeout holds no gap that
   ends a session, so a person's events are first taken together by such stretches, and
   only these are put in order: to order 10 million events took 20 times as long. #}

{# One row for each session and UTC day on which it has events. A visit is a run of
   activity without a gap; the declared rules cut sessions from it. A part is what of one
   session lies on one day; few visits have more than one. #}
{% macro sessions_by_inactivity(mark) -%}
    with recursive events_to_place as {{ inline_cte() }} (

        {{ events_to_place(mark, ['occurred_at'] + (['utm_campaign', 'event_id'] if cuts_on_campaign() else [])) }}

    ),

    stretches as {{ computed_once() }} (

        {% for lies_in_days in shares_of_days() -%}
        select
            person_key,
            min(occurred_at) as first_at,
            max(occurred_at) as last_at
            {%- if cuts_on_campaign() %},
            {{ last_known("nullif(utm_campaign, '')", 'event_id') }} as utm_campaign
            {%- endif %}
        from events_to_place
        where {{ lies_in_days }}
        group by person_key, {{ stretch_of('occurred_at') }}
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ),

    {% if cuts_on_campaign() -%}
    {{ told_of_campaigns() }},

    {% endif -%}
    parts as (

        {{ parts_of_visits('told_of_campaigns' if cuts_on_campaign() else 'stretches') }}

    ),

    {{ overlong_sessions() }}

    select
        parts.person_key,
        cast(null as {{ dbt.type_string() }}) as vendor_session_id,
        parts.visit_started_at,
        parts.session_started_at,
        cast(parts.first_at as date) as event_date,
        parts.first_at,
        parts.last_at
    from parts
    left join overlong_sessions
        on
            parts.person_key = overlong_sessions.person_key
            and parts.session_started_at = overlong_sessions.session_started_at
    where overlong_sessions.person_key is null
    union all
    select
        person_key,
        cast(null as {{ dbt.type_string() }}) as vendor_session_id,
        visit_started_at,
        session_started_at,
        event_date,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from capped_moments
    group by person_key, visit_started_at, session_started_at, event_date
{%- endmacro %}


{# Conditions that share out the days of all history: no stretch lies on two. A twelfth is
   grouped at a time, of which more stays in the processor's cache, and all are put in
   order as one: the sessions of 50 million events took 2.1 s of processor time, so 1.8 s. #}
{% macro shares_of_days() %}
    {# A unit test has no relation of its own, nor has a compilation before all builds. #}
    {% if is_incremental() or not this or load_relation(ref('int_event_days')) is none %}
    {{ return(['true']) }}
    {% endif %}
    {% set days = changed_dates('select event_date from ' ~ ref('int_event_days'), 'event_date') %}
    {% set shares = [] %}
    {% for share in days | slice(12) if share %}
        {% do shares.append(
            ('true' if loop.first else "event_date >= date '" ~ share[0] ~ "'")
            ~ ('' if loop.last else " and event_date < date '" ~ loop.nextitem[0] ~ "'")
        ) %}
    {% endfor %}
    {{ return(shares or ['true']) }}
{% endmacro %}


{# The stretch of time that a moment lies in, within one UTC day. Where a session ends at
   midnight, a stretch does too; where campaigns cut, each moment is told apart, and is
   never divided. #}
{% macro stretch_of(occurred_at) -%}
    {%- set timeout = setting('session_timeout_seconds') | int -%}
    {%- if cuts_on_campaign() -%}
    {{ occurred_at }}
    {%- else -%}
    {{ whole_periods_between("timestamp '1970-01-01 00:00:00'", occurred_at, timeout) }}
    {%- if timeout and 86400 % timeout -%}
    , event_date
    {%- endif -%}
    {%- if cuts_at_midnight() -%}
    , {{ local_day(occurred_at) }}
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}

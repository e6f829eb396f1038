{# Sessions by inactivity. A stretch of time no longer than the timeout holds no gap that
   ends a session, so a person's events are first taken together by such stretches, and
   only these are put in order: to order 10 million events took 20 times as long. #}

{# One row for each session and UTC day on which it has events. A visit is a run of
   activity without a gap; the declared rules cut sessions from it. A part is what of one
   session lies on one day; few visits have more than one. #}
{% macro sessions_by_inactivity(mark) -%}
    {%- set in_person_order = 'partition by person_key order by first_at' -%}
    with recursive events_to_place as {{ inline_cte() }} (

        {{ events_to_place(mark, ['occurred_at'] + (['utm_campaign', 'event_id'] if cuts_on_campaign() else [])) }}

    ),

    stretches as (

        select
            person_key,
            min(occurred_at) as first_at,
            max(occurred_at) as last_at
            {%- if cuts_on_campaign() %},
            {{ last_known("nullif(utm_campaign, '')", 'event_id') }} as utm_campaign
            {%- endif %}
        from events_to_place
        group by person_key, {{ stretch_of('occurred_at') }}

    ),

    between_neighbours as (

        {{ with_neighbours(
            'stretches',
            'person_key',
            'first_at',
            before={'previous_at': 'last_at'},
            after={'next_at': 'first_at'}
        ) }}

    ),

    {% if cuts_on_campaign() -%}
    {{ told_of_campaigns() }},

    {% endif -%}
    opened as (

        select
            person_key,
            first_at,
            last_at,
            previous_at,
            next_at is null as is_newest,
            {{ opens_visit() }} as opens_visit,
            {{ opens_session() }} as opens_session,
            {{ opens_session() }}
            or cast(previous_at as date) <> cast(first_at as date) as opens_part
        from {{ 'told_of_campaigns' if cuts_on_campaign() else 'between_neighbours' }}

    ),

    -- A part ends where the next one opens, or with what is newest of the person.
    closed as (

        {{ with_neighbours(
            '(select * from opened where opens_part or is_newest) as ends',
            'person_key',
            'first_at',
            after={
                'closed_at': 'case when opens_part then previous_at else last_at end',
                'closes_visit': 'opens_visit or not opens_part'
            },
            are_sorted=not cuts_on_campaign()
        ) }}

    ),

    parts as (

        select
            person_key,
            first_at,
            coalesce(closed_at, last_at) as last_at,
            opens_visit,
            opens_session,
            opens_visit and coalesce(closes_visit, true) as is_visit
        from closed
        where opens_part

    ),

    days as (

        select
            person_key,
            first_at as visit_started_at,
            first_at as session_started_at,
            first_at,
            last_at,
            {{ lasts_too_long('first_at', 'last_at') }} as is_overlong
        from parts
        where is_visit
        union all
        select
            person_key,
            visit_started_at,
            session_started_at,
            first_at,
            last_at,
            {{ lasts_too_long(
                'session_started_at',
                'max(last_at) over (partition by person_key, session_started_at)'
            ) }} as is_overlong
        from (
            select
                *,
                last_value(case when opens_visit then first_at end ignore nulls)
                    over ({{ in_person_order }}) as visit_started_at,
                last_value(case when opens_session then first_at end ignore nulls)
                    over ({{ in_person_order }}) as session_started_at
            from parts
            where not is_visit
        ) as parts_of_longer_visits

    ),

    {{ overlong_sessions() }}

    select
        person_key,
        cast(null as {{ dbt.type_string() }}) as vendor_session_id,
        visit_started_at,
        session_started_at,
        cast(first_at as date) as event_date,
        first_at,
        last_at
    from days
    where not is_overlong
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


{# Whether a stretch comes after a gap that ends a visit, or is the first of its person.
   Compared as numbers, which costs a third of adding an interval. #}
{% macro opens_visit() -%}
    coalesce(
        {{ microsecond_of('first_at') }} - {{ microsecond_of('previous_at') }}
        > {{ setting('session_timeout_seconds') | int * 1000000 }},
        true
    )
{%- endmacro %}


{% macro lasts_too_long(started_at, ended_at) -%}
    {{ ended_at }} > {{ started_at }} + interval '{{ setting('session_max_seconds') }}' second
{%- endmacro %}

{# Visits cut into parts: what of one session lies on one UTC day, with when its visit and
   its session began. `stretches` are of a `person_key`, from `first_at` to `last_at`.

   DuckDB sorts once and lets the rows stream by, which takes half of what windows by
   person take. So the stretch before may be of another person, the end of whose last part
   it tells; one of nobody comes last. That they came in order is seen row by row. #}
{% macro parts_of_visits(stretches) %}
    {{ return(adapter.dispatch('parts_of_visits')(stretches)) }}
{% endmacro %}

{% macro default__parts_of_visits(stretches) -%}
    {%- set in_order = 'partition by person_key order by first_at' -%}
    {%- set told -%}
    select
        *,
        lag(last_at) over ({{ in_order }}) as previous_at,
        max(last_at) over (partition by person_key) as newest_at
    from {{ stretches }}
    {%- endset -%}
    select
        person_key,
        {{ last_opened('opens_visit', in_order) }} as visit_started_at,
        {{ last_opened('opens_session', in_order) }} as session_started_at,
        first_at,
        coalesce(lead(previous_at) over ({{ in_order }}), newest_at) as last_at
    from ({{ opening_stretches(told, 'previous_at is null') }}) as opening
{%- endmacro %}

{% macro duckdb__parts_of_visits(stretches) -%}
    {%- set told -%}
    select
        *,
        lag(person_key) over () as person_before,
        lag(first_at) over () as first_before,
        lag(last_at) over () as previous_at
    from (
        select * from {{ stretches }}
        union all by name
        select cast(null as bigint) as person_key
        order by person_key nulls last, first_at
    )
    {%- endset -%}
    {%- set is_first -%}
    case
        when person_before = person_key and first_before < first_at then false
        when person_before < person_key then true
        when person_before is null or person_key is null then true
        else error('stretches of time came out of order')
    end
    {%- endset -%}
    select *
    from (
        select
            person_key,
            {{ last_opened('opens_visit') }} as visit_started_at,
            {{ last_opened('opens_session') }} as session_started_at,
            first_at,
            lead(previous_at) over () as last_at
        from ({{ opening_stretches(told, is_first) }}) as opening
    ) as parts
    where person_key is not null
{%- endmacro %}


{# The stretches with which a visit, a session or a day of one begins. #}
{% macro opening_stretches(told, is_first) -%}
    select *
    from (
        select
            *,
            {{ opens_session() }} as opens_session
        from (
            select
                *,
                {{ opens_visit(is_first) }} as opens_visit
            from ({{ told }}) as told
        ) as visits
    ) as sessions
    where
        opens_session
        or cast(previous_at as date) <> cast(first_at as date)
{%- endmacro %}


{# When that began whose first stretch came last. #}
{% macro last_opened(opens, in_order='') -%}
    last_value(case when {{ opens }} then first_at end ignore nulls)
        over ({{ in_order }} rows between unbounded preceding and current row)
{%- endmacro %}

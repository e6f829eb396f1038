{# Which periods of entry of a funnel are counted again in a run. #}

{# What a funnel counts: of totals every attempt, of all others the unit. #}
{% macro what_is_counted(attempts, funnels) -%}
    case
        when {{ funnels }}.counting = 'totals' then {{ attempts }}.attempt_id
        else {{ attempts }}.unit_id
    end
{%- endmacro %}


{# One row per funnel and period of entry (hour, day, week, month) that holds a changed
   day, or an attempt of a unit whose group changed; all periods of a funnel whose
   declaration is new or whose kept groups are others than were counted. Local time. #}
{% macro funnel_periods_to_count() -%}
    {%- set mark = high_water_mark('built_through_load_id') -%}
    {%- set days = changed_funnel_days(this, mark) -%}
    select
        periods.funnel_name,
        periods.period,
        periods.period_start
    from {{ ref('int_funnel_periods') }} as periods
    inner join (
        {% for name, listed in days.items() if listed != 'all' -%}
        {% for day in listed -%}
        select '{{ name }}' as funnel_name, date '{{ day }}' as changed_date
        union all
        {% endfor -%}
        {% endfor -%}
        select
            attempts.funnel_name,
            attempts.entry_date as changed_date
        from {{ ref('int_funnel_attempts') }} as attempts
        inner join {{ ref('int_funnel_units') }} as units
            on
                attempts.funnel_name = units.funnel_name
                and attempts.unit_id = units.unit_id
                and units.built_through_load_id > '{{ mark }}'
        group by attempts.funnel_name, attempts.entry_date
    ) as days
        on
            periods.funnel_name = days.funnel_name
            and case
                when periods.period = 'hour'
                    then cast(periods.period_start as date) = days.changed_date
                {% for period in ['day', 'week', 'month'] -%}
                when periods.period = '{{ period }}'
                    then periods.period_start = {{ period_start_of(period, 'cast(days.changed_date as timestamp)') }}
                {% endfor -%}
            end
    union
    select
        funnel_name,
        period,
        period_start
    from {{ ref('int_funnel_periods') }}
    where {{ lies_in_days_of(whole_funnels(days), 'funnel_name', 'period_start') }}
{%- endmacro %}


{% macro whole_funnels(days) -%}
    {%- set whole = {} -%}
    {%- for name, listed in days.items() if listed == 'all' -%}
        {%- do whole.update({name: 'all'}) -%}
    {%- endfor -%}
    {{ return(whole) }}
{%- endmacro %}


{# The days of entry that hold a change, by funnel of a table; `all` where any day may. #}
{% macro changed_funnel_days(relation, mark) -%}
    {%- set days = funnel_days_to_compute(declarations_by('funnel_name', relation), mark) -%}
    {%- if execute -%}
        {%- for row in run_query(funnels_grouped_anew(relation)).rows -%}
            {%- do days.update({row[0]: 'all'}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(days) }}
{%- endmacro %}


{# Funnels with a breakdown whose kept groups are others than those in a table: then a
   value may have moved into Other, or out of it, on every day. #}
{% macro funnels_grouped_anew(relation) -%}
    with counted as (

        select distinct funnel_name, breakdown, breakdown_value
        from {{ relation }}
        where breakdown <> 'all'

    ),

    kept as (

        select distinct funnel_name, breakdown, group_name as breakdown_value
        from {{ ref('int_funnel_groups') }}

    ),

    folded as (

        select funnel_name, breakdown from kept
        union
        select funnel_name, breakdown from counted where breakdown_value = 'Other'

    )

    select distinct funnel_name
    from (
        (select * from kept except select * from counted)
        union all
        (
            select counted.*
            from counted
            inner join folded using (funnel_name, breakdown)
            except
            select * from kept
        )
    ) as moved
{%- endmacro %}

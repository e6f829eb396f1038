{# From the attempts that speak for units to the counts of steps. #}

{# The best attempt of each unit and group in each period of entry of one length, or in
   those of them that a query lists. #}
{% macro bests_of_periods(period, counted_periods=none) -%}
    select
        attempts.funnel_name,
        periods.period,
        periods.period_start,
        attempts.breakdown,
        attempts.breakdown_value,
        attempts.reached_step,
        attempts.step_times,
        attempts.worth,
        attempts.declaration
    from {{ ref('int_funnel_attempts_grouped') }} as attempts
    inner join {{ ref('int_funnel_periods') }} as periods
        on
            attempts.funnel_name = periods.funnel_name
            and periods.period = '{{ period }}'
            and {{ period_start_of(period, 'attempts.entered_local_at') }} = periods.period_start
    {% if counted_periods -%}
    inner join ({{ counted_periods }}) as counted
        on
            periods.funnel_name = counted.funnel_name
            and periods.period = counted.period
            and periods.period_start = counted.period_start
    {% endif -%}
    qualify row_number() over (
        partition by
            attempts.funnel_name,
            periods.period_start,
            attempts.breakdown,
            attempts.breakdown_value,
            attempts.counted_id
        order by {{ best_attempt_first('attempts.') }}
    ) = 1
{%- endmacro %}


{# The best attempt of each unit and group over the whole range. #}
{% macro bests_of_range() -%}
    select
        bests.*,
        periods.period,
        periods.period_start
    from {{ ref('int_funnel_bests') }} as bests
    inner join {{ ref('int_funnel_periods') }} as periods
        on
            bests.funnel_name = periods.funnel_name
            and periods.period = 'all'
{%- endmacro %}


{# How many units reached each step, how long they took from the step before and from the
   first, and what the conversions are worth. #}
{% macro step_counts_of(bests) -%}
    select
        reached.funnel_name,
        reached.period,
        reached.period_start,
        reached.breakdown,
        reached.breakdown_value,
        reached.step,
        count(*) as person_count,
        {{ time_statistics('reached.step_seconds') }},
        {{ time_statistics('reached.total_seconds', 'total_') }},
        sum(case when reached.step = funnels.step_count then reached.worth end)
            as conversion_value,
        max(reached.declaration) as declaration,
        {{ newest_load() }} as built_through_load_id
    from (
        select
            bests.funnel_name,
            bests.period,
            bests.period_start,
            bests.breakdown,
            bests.breakdown_value,
            steps.step,
            bests.worth,
            bests.declaration,
            {{ seconds_between(item_of('bests.step_times', 'steps.step - 1'), item_of('bests.step_times', 'steps.step')) }}
                as step_seconds,
            {{ seconds_between(item_of('bests.step_times', '1'), item_of('bests.step_times', 'steps.step')) }}
                as total_seconds
        from ({{ bests }}) as bests
        inner join {{ ref('stg_catalog_funnel_steps') }} as steps
            on
                bests.funnel_name = steps.funnel_name
                and bests.reached_step >= steps.step
    ) as reached
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on reached.funnel_name = funnels.funnel_name
    group by
        reached.funnel_name,
        reached.period,
        reached.period_start,
        reached.breakdown,
        reached.breakdown_value,
        reached.step
{%- endmacro %}

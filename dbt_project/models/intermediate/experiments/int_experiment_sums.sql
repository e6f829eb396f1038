-- Sums as they stood at the end of each whole day, exact, of all four views. Closed: units
-- whose window is over. Cumulative: all units so far. Calendar day: what all units so far
-- did on the day. Day since exposure: what units did on their k-th local day, of units
-- whose k-th day is over.
{% set series = series_names() %}
{% set sums = asked_for(sum_names()) %}
{% set before = asked_for(sum_names_of_entries()) %}
{% set sums_of_days = asked_for(day_sum_names()) %}

with cells as (

    select
        cells.experiment_name,
        cells.metric_name,
        cells.is_capped,
        cells.dimension,
        groups.told_value as dimension_value,
        cells.variant,
        cells.exposure_date,
        cells.day_date,
        greatest(cells.maturity_date, cells.day_date) as closed_on,
        cells.unit_count,
        {{ columns_of('cells', sums + sums_of_days) }}
    from {{ ref('int_experiment_cells') }} as cells
    inner join {{ ref('int_experiment_slices') }} as groups
        on {{ agree_in('cells', 'groups', ['experiment_name', 'dimension', 'dimension_value']) }}

),

series as (

    select distinct
        groups.experiment_name,
        metrics.metric_name,
        versions.is_capped,
        groups.dimension,
        groups.told_value as dimension_value,
        variants.variant,
        coalesce(metrics.retention_day, cast(ceil(metrics.window_seconds / 86400.0) as integer))
            as last_day_since
    from {{ ref('int_experiment_slices') }} as groups
    inner join {{ ref('stg_catalog_experiment_metrics') }} as metrics
        on groups.experiment_name = metrics.experiment_name
    inner join {{ ref('stg_catalog_experiment_variants') }} as variants
        on groups.experiment_name = variants.experiment_name
    inner join (values (false), (true)) as versions (is_capped)
        on metrics.has_caps or not versions.is_capped

),

changes as (

    {% for view, day in [('cumulative', 'day_date'), ('closed', 'closed_on')] %}
    select
        {{ series | join(', ') }},
        '{{ view }}' as view,
        {{ day }} as day_date,
        sum(unit_count) as unit_count,
        {{ added_up(sums) }}
    from cells
    group by {{ series | join(', ') }}, {{ day }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

by_date as (

    select
        {{ columns_of('series', series) }},
        views.view,
        days.day_date,
        days.day_number,
        sum(coalesce(changes.unit_count, 0)) over up_to_the_day as unit_count,
        {{ added_up(sums, 'changes', 'up_to_the_day') }}
    from series
    cross join (values ('cumulative'), ('closed')) as views (view)
    inner join {{ ref('int_experiment_days') }} as days
        on series.experiment_name = days.experiment_name
    left join changes
        on
            {{ agree_in('series', 'changes', series) }}
            and views.view = changes.view
            and days.day_date = changes.day_date
    window up_to_the_day as (
        partition by {{ columns_of('series', series) }}, views.view
        order by days.day_date
        rows between unbounded preceding and current row
    )

),

of_the_day as (

    select
        {{ series | join(', ') }},
        day_date,
        {{ added_up(sums_of_days) }}
    from cells
    group by {{ series | join(', ') }}, day_date

),

-- A unit is counted on the k-th day from the day it came (left: goes on) to the last k
-- that is over for units of its day.
counted_since as (

    select
        {{ columns_of('cells', series) }},
        {{ count_between('cells.exposure_date', 'cells.day_date', 'day') }} as day_number,
        cells.unit_count,
        {{ columns_of('cells', before + sums_of_days) }}
    from cells
    inner join {{ ref('int_experiment_days') }} as days
        on
            cells.experiment_name = days.experiment_name
            and days.is_last_day
            and cells.day_date <= days.day_date
    union all
    select
        {{ columns_of('cells', series) }},
        {{ count_between('cells.exposure_date', 'days.day_date', 'day') }} + 1 as day_number,
        -cells.unit_count as unit_count,
        {% for name in before -%}
        -cells.{{ name }} as {{ name }},
        {% endfor -%}
        {{ no_sums(sums_of_days) }}
    from cells
    inner join {{ ref('int_experiment_days') }} as days
        on
            cells.experiment_name = days.experiment_name
            and days.is_last_day
            and cells.day_date <= days.day_date

),

since_exposure as (

    select
        {{ series | join(', ') }},
        day_number,
        sum(unit_count) as unit_count,
        {{ added_up(before + sums_of_days) }}
    from counted_since
    group by {{ series | join(', ') }}, day_number

),

by_day_since as (

    select
        {{ columns_of('series', series) }},
        days.day_number,
        sum(coalesce(since_exposure.unit_count, 0)) over up_to_the_day as unit_count,
        {{ added_up(before, 'since_exposure', 'up_to_the_day') }},
        {{ columns_of('since_exposure', sums_of_days) }}
    from series
    inner join {{ ref('int_experiment_days') }} as days
        on
            series.experiment_name = days.experiment_name
            and series.last_day_since >= days.day_number
    left join since_exposure
        on
            {{ agree_in('series', 'since_exposure', series) }}
            and days.day_number = since_exposure.day_number
    window up_to_the_day as (
        partition by {{ columns_of('series', series) }}
        order by days.day_number
        rows between unbounded preceding and current row
    )

),

views as (

    select
        {{ series | join(', ') }},
        view,
        day_date,
        day_number,
        unit_count,
        {{ sums | join(', ') }}
    from by_date
    union all
    select
        {{ columns_of('by_date', series) }},
        'calendar_day' as view,
        by_date.day_date,
        by_date.day_number,
        by_date.unit_count,
        {% for name in sums -%}
        {{ 'by_date.' ~ name if name in before else 'coalesce(of_the_day.day_' ~ name ~ ', 0)' }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from by_date
    left join of_the_day
        on
            {{ agree_in('by_date', 'of_the_day', series) }}
            and by_date.day_date = of_the_day.day_date
    where by_date.view = 'cumulative'
    union all
    select
        {{ series | join(', ') }},
        'day_since_exposure' as view,
        cast(null as date) as day_date,
        day_number,
        unit_count,
        {% for name in sums -%}
        {{ name if name in before else 'coalesce(day_' ~ name ~ ', 0) as ' ~ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from by_day_since

),

final as (

    select
        {{ series | join(', ') }},
        view,
        day_date,
        day_number,
        unit_count,
        {{ all_sums(sum_names()) }}
    from views

)

select * from final

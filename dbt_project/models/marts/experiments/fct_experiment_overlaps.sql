-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('stg_catalog_experiments') }}
-- depends_on: {{ ref('stg_catalog_experiment_metrics') }}
-- depends_on: {{ ref('int_experiment_caps') }}
-- depends_on: {{ ref('int_experiment_days') }}
-- depends_on: {{ ref('int_experiment_units') }}
-- depends_on: {{ ref('int_experiment_unit_days') }}

{% set series = ['experiment_name', 'other_experiment_name', 'metric_name', 'is_capped'] %}
{% set cell = series + ['variant', 'other_variant', 'day_date', 'metric_kind'] %}

-- Units of two experiments at once, by both variants: closed windows only, as decisions
-- see them, at the last whole day.
{% if some_experiments_may_overlap() -%}
with pairs as (

    {{ pairs_of_experiments() }}

),

shared_units as (

    {{ units_of_pairs('pairs') }}

),

-- What the other experiment shows after the window is over changes nothing within it.
matured as (

    {{ matured_metrics_of('shared_units') }}

),

totals as (

    {{ totals_of_shared_units('shared_units') }}

),

figures as (

    select
        matured.experiment_name,
        matured.other_experiment_name,
        matured.metric_name,
        versions.is_capped,
        matured.variant,
        matured.other_variant,
        matured.day_date,
        matured.metric_kind,
        case
            when versions.is_capped then {{ within_caps('coalesce(totals.y, 0)', 'caps') }}
            else coalesce(totals.y, 0)
        end as y,
        coalesce(totals.d, 0) as d
    from matured
    inner join (values (false), (true)) as versions (is_capped)
        on matured.has_caps or not versions.is_capped
    left join totals
        on
            matured.unit_key = totals.unit_key
            and matured.experiment_name = totals.experiment_name
            and matured.metric_name = totals.metric_name
    left join {{ ref('int_experiment_caps') }} as caps
        on
            matured.experiment_name = caps.experiment_name
            and matured.metric_name = caps.metric_name

),

sums as (

    select
        {{ cell | join(', ') }},
        count(*) as unit_count,
        sum(y) as y,
        sum(d) as d,
        sum({{ exact_product('y', 'y') }}) as yy,
        sum({{ exact_product('y', 'd') }}) as yd,
        sum({{ exact_product('d', 'd') }}) as dd
    from figures
    group by all

),

-- The means of all units: a spread that is small beside its level is kept in doubles.
shifts as (

    select
        {{ series | join(', ') }},
        cast(sum(y) / sum(unit_count) as decimal(38, 6)) as y,
        cast(sum(d) / sum(unit_count) as decimal(38, 6)) as d
    from sums
    group by {{ series | join(', ') }}

),

final as (

    select
        {{ columns_of('sums', cell) }},
        cast(sums.unit_count as bigint) as unit_count,
        cast(shifts.y as double) as shift_y,
        cast(shifts.d as double) as shift_d,
        {{ shifted_sum('y') }} as y,
        {{ shifted_sum('d') }} as d,
        {{ shifted_product('y', 'y') }} as yy,
        {{ shifted_product('y', 'd') }} as yd,
        {{ shifted_product('d', 'd') }} as dd,
        {{ to_utc_time("cast(sums.day_date + interval '1' day as timestamp)") }} as data_complete_through
    from sums
    inner join shifts
        on {{ agree_in('sums', 'shifts', series) }}

)

select * from final
{%- else -%}
{{ no_overlaps() }}
{%- endif %}

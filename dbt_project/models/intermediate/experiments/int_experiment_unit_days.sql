{{
    config(
        materialized='incremental',
        incremental_strategy='replace_metrics',
        unique_key=['metric_key', 'unit_key', 'day_date', 'is_entry']
    )
}}

-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', metrics_with_rows(this)) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set continues = is_incremental() and some_go_on(starts) %}
{% set first_day = first_computed_day(starts) if continues %}
{% set in_one_day = continues and lies_in_one_day(first_day) %}
{# Denominators that no metric has would cost a quarter of the whole. #}
{% set sides = [('y', 'x'), ('d', 'w')] if some_metrics_divide() else [('y', 'x')] %}

with computed as (

    {{ computed_from(starts) }}

),

-- By small numbers of their own, units by day are put in order in a tenth less.
metrics as (

    select
        metrics.*,
        cast(row_number() over (order by metrics.metric_key) as integer) as metric_number,
        computed.experiment_key,
        computed.from_date,
        experiments.covariate_days
    from ({{ metrics_of_experiments() }}) as metrics
    inner join computed
        on metrics.experiment_name = computed.experiment_name
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on metrics.experiment_name = experiments.experiment_name

),

units as {{ inline_cte() }} (

    select
        units.unit_key,
        units.exposed_at,
        units.exposure_date,
        units.conflict_date,
        computed.experiment_key,
        computed.from_date
    from {{ ref('int_experiment_units') }} as units
    inner join computed
        on units.experiment_name = computed.experiment_name
    where units.takes_part

),

amounts as {{ inline_cte() }} (

    {{ amounts_by_metric('metrics', first_day) }}

),

unit_days as (

    select
        metric_number,
        unit_key,
        is_entry,
        day_date,
        {% for side, of_entry in sides -%}
        {{ total_of_side(side) }} as {{ side }}{{ ',' if not loop.last }}
        {% endfor -%}
    from ({{ amounts_of_units(first_day) }}) as matched
    group by metric_number, unit_key, is_entry, day_date

),

-- The number of the unit stands first: sorted by that of the metric, which is often one
-- and the same, it takes twice as long. In a night of one day there is nothing to sort.
in_order as (

    select
        metric_number,
        unit_key,
        is_entry,
        day_date,
        {% for side, of_entry in sides -%}
        case when is_entry then 0 else {{ side }} end as {{ side }},
        {% if not continues -%}
        {{ of_the_entry(side) }} as {{ of_entry }},
        {% endif -%}
        {{ 0 if in_one_day else before_the_day(side) }} as {{ side }}_before{{ ',' if not loop.last }}
        {% endfor -%}
    from unit_days
    {% if not in_one_day -%}
    window
        {% if not continues -%}
        rows_so_far as (
            partition by unit_key, metric_number
            order by is_entry desc, day_date asc
            rows between unbounded preceding and current row
        ),
        {% endif -%}
        earlier_rows as (
            partition by unit_key, metric_number
            order by is_entry desc, day_date asc
            rows between unbounded preceding and 1 preceding
        )
    {%- endif %}

),

{% if continues -%}
-- Found by the units alone, first: an engine that joins metrics before reads all rows.
known as {{ computed_once() }} (

    select *
    from {{ this }}
    where unit_key in (select unit_days.unit_key from unit_days)

),

earlier as (

    {{ totals_of_earlier_days('known', 'unit_days', 'metrics', sides) }}

),

{% endif -%}
totals as (

    select
        {{ columns_of('in_order', ['metric_number', 'unit_key', 'is_entry', 'day_date']) }},
        {% for side, of_entry in sides -%}
        in_order.{{ side }},
        in_order.{{ side }}_before {{- ' + coalesce(earlier.' ~ side ~ '_before, 0) as ' ~ side ~ '_before' if continues }},
        {{ 'coalesce(earlier.' ~ of_entry ~ ', 0) as ' ~ of_entry if continues else 'in_order.' ~ of_entry }}{{ ',' if not loop.last }}
        {% endfor -%}
    from in_order
    {% if continues -%}
    left join earlier
        on
            in_order.unit_key = earlier.unit_key
            and in_order.metric_number = earlier.metric_number
    {%- endif %}

),

final as (

    select
        metrics.metric_key,
        totals.unit_key,
        totals.day_date,
        totals.is_entry,
        {{ figures_of_side('y', 'x', 'metrics.numerator_is_flag') }},
        {{ figures_of_side('d', 'w', 'metrics.denominator_is_flag') }},
        {{ newest_load() }} as built_through_load_id
    from totals
    inner join metrics
        on totals.metric_number = metrics.metric_number

)

select * from final

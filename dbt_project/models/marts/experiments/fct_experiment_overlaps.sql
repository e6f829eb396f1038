-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('stg_catalog_experiments') }}
-- depends_on: {{ ref('stg_catalog_experiment_metrics') }}
-- depends_on: {{ ref('int_experiment_caps') }}
-- depends_on: {{ ref('int_experiment_days') }}
-- depends_on: {{ ref('int_experiment_units') }}
-- depends_on: {{ ref('int_experiment_unit_days') }}

-- Units of two experiments at once, by both variants: closed windows only, as decisions
-- see them, at the last whole day.
{% if some_experiments_may_overlap() -%}
with pairs as (

    select
        own.experiment_name,
        other.experiment_name as other_experiment_name,
        days.day_date
    from {{ ref('stg_catalog_experiments') }} as own
    inner join {{ ref('stg_catalog_experiments') }} as other
        on
            own.unit_sql = other.unit_sql
            and own.experiment_name <> other.experiment_name
            and coalesce(own.exclusion_group <> other.exclusion_group, true)
            -- The window of a unit may still be open when the other experiment begins.
            and coalesce(own.start_date, date '0001-01-01')
            < coalesce(other.end_date, date '9999-12-31')
    inner join {{ ref('int_experiment_days') }} as days
        on
            own.experiment_name = days.experiment_name
            and days.is_last_day
            and coalesce(other.start_date, date '0001-01-01') <= days.day_date
    where
        own.status <> 'draft'
        and other.status <> 'draft'

),

shared_units as (

    select
        pairs.experiment_name,
        pairs.other_experiment_name,
        pairs.day_date,
        own.unit_id,
        own.variant,
        own.exposed_at,
        own.exposure_date,
        other.variant as other_variant,
        other.exposure_date as other_exposure_date
    from {{ ref('int_experiment_units') }} as own
    inner join pairs
        on own.experiment_name = pairs.experiment_name
    inner join {{ ref('int_experiment_units') }} as other
        on
            own.unit_id = other.unit_id
            and pairs.other_experiment_name = other.experiment_name
    where
        own.takes_part
        and other.takes_part
        and coalesce(own.conflict_date > pairs.day_date, true)
        and coalesce(other.conflict_date > pairs.day_date, true)

),

-- What the other experiment shows after the window is over changes nothing within it.
matured as (

    select
        shared_units.*,
        metrics.metric_name,
        metrics.metric_kind,
        metrics.has_caps
    from shared_units
    inner join {{ ref('stg_catalog_experiment_metrics') }} as metrics
        on shared_units.experiment_name = metrics.experiment_name
    where
        {{ maturity_date('shared_units', 'metrics') }} <= shared_units.day_date
        and {{ maturity_date('shared_units', 'metrics') }} >= shared_units.other_exposure_date

),

totals as (

    select
        unit_days.experiment_name,
        unit_days.metric_name,
        unit_days.unit_id,
        sum(unit_days.y) as y,
        sum(unit_days.d) as d
    from {{ ref('int_experiment_unit_days') }} as unit_days
    inner join (
        select distinct
            experiment_name,
            unit_id
        from shared_units
    ) as shared
        on
            unit_days.unit_id = shared.unit_id
            and unit_days.experiment_name = shared.experiment_name
    where not unit_days.is_entry
    group by unit_days.experiment_name, unit_days.metric_name, unit_days.unit_id

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
            matured.unit_id = totals.unit_id
            and matured.experiment_name = totals.experiment_name
            and matured.metric_name = totals.metric_name
    left join {{ ref('int_experiment_caps') }} as caps
        on
            matured.experiment_name = caps.experiment_name
            and matured.metric_name = caps.metric_name

),

sums as (

    select
        experiment_name,
        other_experiment_name,
        metric_name,
        is_capped,
        variant,
        other_variant,
        day_date,
        metric_kind,
        count(*) as unit_count,
        sum(y) as y,
        sum(d) as d,
        sum({{ exact_product('y', 'y') }}) as yy,
        sum({{ exact_product('y', 'd') }}) as yd,
        sum({{ exact_product('d', 'd') }}) as dd
    from figures
    group by
        experiment_name,
        other_experiment_name,
        metric_name,
        is_capped,
        variant,
        other_variant,
        day_date,
        metric_kind

),

-- The means of all units: a spread that is small beside its level is kept in doubles.
shifts as (

    select
        experiment_name,
        other_experiment_name,
        metric_name,
        is_capped,
        cast(sum(y) / sum(unit_count) as decimal(38, 6)) as y,
        cast(sum(d) / sum(unit_count) as decimal(38, 6)) as d
    from sums
    group by experiment_name, other_experiment_name, metric_name, is_capped

),

final as (

    select
        sums.experiment_name,
        sums.other_experiment_name,
        sums.metric_name,
        sums.is_capped,
        sums.variant,
        sums.other_variant,
        sums.day_date,
        sums.metric_kind,
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
        on
            sums.experiment_name = shifts.experiment_name
            and sums.other_experiment_name = shifts.other_experiment_name
            and sums.metric_name = shifts.metric_name
            and sums.is_capped = shifts.is_capped

)

select * from final
{%- else -%}
{{ no_overlaps() }}
{%- endif %}

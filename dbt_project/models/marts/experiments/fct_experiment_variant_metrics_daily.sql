{% set asked = asked_for(sum_names()) %}
{% set nothing = 'cast(0 as double)' %}
{% set first = 'yy yd yx yw dd dx dw xx xw ww'.split(' ') %}

with sums as (

    select * from {{ ref('int_experiment_sums') }}

),

-- What is taken off every value, so that a spread that is small beside its level is not
-- lost in doubles: the means of all units of the first closed look. That look is over,
-- so no later night moves them.
looks as (

    select
        experiment_name,
        metric_name,
        is_capped,
        day_date,
        sum(unit_count) as unit_count,
        sum(y) as y,
        sum(d) as d,
        sum(x) as x,
        sum(w) as w
    from sums
    where
        view = 'closed'
        and dimension = 'all'
    group by experiment_name, metric_name, is_capped, day_date

),

first_looks as (

    select *
    from looks
    where unit_count > 0
    qualify row_number() over (
        partition by experiment_name, metric_name, is_capped order by day_date
    ) = 1

),

shifts as (

    select
        views.view,
        metrics.experiment_name,
        metrics.metric_name,
        metrics.metric_kind,
        metrics.quantile,
        versions.is_capped,
        {% for name in ['y', 'd', 'x', 'w'] -%}
        case
            when views.view in ('closed', 'cumulative')
                then coalesce(cast(first_looks.{{ name }} / first_looks.unit_count as decimal(38, 6)), 0)
            else cast(0 as decimal(38, 6))
        end as {{ name }},
        {% endfor -%}
        -- Capped values are told from what a unit with nothing counts as.
        case
            when versions.is_capped then {{ within_caps('0', 'caps') }} else 0
        end as origin,
        case when versions.is_capped then caps.lower_value end as cap_lower,
        case when versions.is_capped then caps.upper_value end as cap_upper
    from {{ ref('stg_catalog_experiment_metrics') }} as metrics
    inner join (values (false), (true)) as versions (is_capped)
        on metrics.has_caps or not versions.is_capped
    cross join (
        values ('closed'), ('cumulative'), ('calendar_day'), ('day_since_exposure')
    ) as views (view)
    left join {{ ref('int_experiment_caps') }} as caps
        on
            metrics.experiment_name = caps.experiment_name
            and metrics.metric_name = caps.metric_name
    left join first_looks
        on
            metrics.experiment_name = first_looks.experiment_name
            and metrics.metric_name = first_looks.metric_name
            and versions.is_capped = first_looks.is_capped

),

final as (

    select
        sums.experiment_name,
        sums.metric_name,
        sums.view,
        sums.dimension,
        sums.dimension_value,
        sums.day_date,
        sums.day_number,
        sums.variant,
        variants.is_control,
        sums.is_capped,
        shifts.metric_kind,
        cast(sums.unit_count as bigint) as unit_count,
        cast(shifts.y + case when shifts.view in ('closed', 'cumulative') then shifts.origin else 0 end as double)
            as shift_y,
        cast(shifts.d as double) as shift_d,
        cast(shifts.x + shifts.origin as double) as shift_x,
        cast(shifts.w as double) as shift_w,
        {% for name in ['y', 'd'] -%}
        coalesce(quantiles.{{ name }}, {{ shifted_sum(name) if name in asked else nothing }}) as {{ name }},
        {% endfor -%}
        {% for name in ['x', 'w'] -%}
        {{ shifted_sum(name) if name in asked else nothing }} as {{ name }},
        {% endfor -%}
        {% for pair in first -%}
        {%- set sum = shifted_product(pair[0], pair[1]) if pair in asked else nothing -%}
        {{ 'coalesce(quantiles.' ~ pair ~ ', ' ~ sum ~ ')' if pair in ('yy', 'yd', 'dd') else sum }} as {{ pair }},
        {% endfor -%}
        shifts.quantile,
        case when shifts.quantile is not null then coalesce(quantiles.value_unit_count, 0) end
            as value_unit_count,
        quantiles.quantile_value,
        quantiles.quantile_lower,
        quantiles.quantile_upper,
        cast(shifts.cap_lower as double) as cap_lower,
        cast(shifts.cap_upper as double) as cap_upper,
        {{ to_utc_time("cast(coalesce(sums.day_date, last_days.day_date) + interval '1' day as timestamp)") }}
            as data_complete_through,
        experiments.config_hash
    from sums
    inner join shifts
        on
            sums.experiment_name = shifts.experiment_name
            and sums.metric_name = shifts.metric_name
            and sums.is_capped = shifts.is_capped
            and sums.view = shifts.view
    left join {{ ref('int_experiment_quantiles') }} as quantiles
        on
            sums.experiment_name = quantiles.experiment_name
            and sums.metric_name = quantiles.metric_name
            and sums.view = quantiles.view
            and sums.dimension = quantiles.dimension
            and sums.dimension_value = quantiles.dimension_value
            and sums.variant = quantiles.variant
            and sums.day_number = quantiles.day_number
    inner join {{ ref('stg_catalog_experiment_variants') }} as variants
        on
            sums.experiment_name = variants.experiment_name
            and sums.variant = variants.variant
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on sums.experiment_name = experiments.experiment_name
    left join {{ ref('int_experiment_days') }} as last_days
        on
            sums.experiment_name = last_days.experiment_name
            and last_days.is_last_day

)

select * from final

{# Figures of units by day. #}

{# The last local day on which an event of a unit may count: that on which its window
   ends, or the day of a return. #}
{% macro maturity_date(unit, metric) -%}
    case
        when {{ metric }}.retention_day is not null
            then {{ unit }}.exposure_date + {{ metric }}.retention_day
        else cast(
            {{ to_local_time(
                unit ~ '.exposed_at + ' ~ metric ~ ".window_seconds * interval '1' second"
                ~ " - interval '0.000001' second"
            ) }} as date
        )
    end
{%- endmacro %}


{# Whether any metric of an experiment is a ratio. #}
{% macro some_metrics_divide() %}
    {{ return(
        compiled_rows('catalog_experiment_metrics', 'experiment_name')
        | selectattr('denominator_component') | list | length > 0
    ) }}
{% endmacro %}


{# Whether any metric cuts totals of units. #}
{% macro some_metrics_have_caps() %}
    {% set capped = [] %}
    {% for metric in compiled_rows('catalog_experiment_metrics', 'experiment_name')
        if metric.cap_lower is not none or metric.cap_upper is not none %}
        {% do capped.append(metric.metric_name) %}
    {% endfor %}
    {{ return(capped | length > 0) }}
{% endmacro %}


{# Whether any metric counts values that are told apart. #}
{% macro some_metrics_tell_apart() %}
    {{ return(
        compiled_rows('catalog_experiment_components', 'component_id')
        | selectattr('component_kind', 'equalto', 'values') | list | length > 0
    ) }}
{% endmacro %}


{# Whether an amount lies after a unit's exposure and within its window; of values that
   are told apart, the first such one. #}
{% macro counts_for(amount, unit, metric) -%}
    (
        {{ amount }}.since_at >= {{ unit }}.exposed_at
        {% if some_metrics_tell_apart() -%}
        and coalesce({{ amount }}.previous_at < {{ unit }}.exposed_at, true)
        {% endif -%}
        and {{ amount }}.activity_date < coalesce({{ unit }}.conflict_date, date '9999-12-31')
        and (
            {{ amount }}.activity_date = {{ unit }}.exposure_date + {{ metric }}.retention_day
            or (
                {{ metric }}.retention_day is null
                and {{ amount }}.occurred_at
                < {{ unit }}.exposed_at + {{ metric }}.window_seconds * interval '1' second
            )
        )
    )
{%- endmacro %}


{# Whether an amount lies on the days before that of a unit's exposure. #}
{% macro lies_before(amount, unit) -%}
    (
        {{ amount }}.activity_date < {{ unit }}.exposure_date
        and {{ amount }}.activity_date >= {{ unit }}.exposure_date - {{ amount }}.covariate_days
        {%- if some_metrics_tell_apart() %}
        and coalesce(
            cast({{ to_local_time(amount ~ '.previous_at') }} as date)
            < {{ unit }}.exposure_date - {{ amount }}.covariate_days,
            true
        )
        {%- endif %}
    )
{%- endmacro %}


{# Amounts by each metric that counts them, from as many days before the first computed
   one as covariates reach back. #}
{% macro amounts_by_metric(metrics, first_day=none) -%}
    select
        sides.experiment_key,
        sides.metric_key,
        sides.side,
        sides.from_date,
        sides.covariate_days,
        sides.window_seconds,
        sides.retention_day,
        amounts.unit_key,
        amounts.activity_date,
        amounts.occurred_at,
        amounts.since_at,
        amounts.previous_at,
        amounts.amount
    from {{ ref('int_experiment_amounts') }} as amounts
    inner join (
        select
            *,
            'y' as side,
            numerator_component as component_id
        from {{ metrics }}
        {% if some_metrics_divide() -%}
        union all
        select
            *,
            'd' as side,
            denominator_component as component_id
        from {{ metrics }}
        where denominator_component is not null
        {%- endif %}
    ) as sides
        on amounts.component_id = sides.component_id
    {% if first_day -%}
    where amounts.activity_date >= {{ first_day }} - {{ longest_covariate_days() }}
    {%- endif %}
{%- endmacro %}


{# An amount as part of what a unit had on a day, or of what it had before. #}
{% macro unit_day_columns() -%}
    amounts.metric_key,
    units.unit_key,
    amounts.activity_date < units.exposure_date as is_entry,
    greatest(amounts.activity_date, units.exposure_date) as day_date,
    amounts.side,
    amounts.amount
{%- endmacro %}


{# Amounts of units within their windows, and of the days before their exposures. A whole
   build finds both in one join. A night looks for new amounts of all units, and for
   earlier amounts of new units, and lets each side of a join tell the other by numbers
   which of its rows to read. #}
{% macro amounts_of_units(first_day=none) -%}
    {%- if not first_day %}
    select {{ unit_day_columns() }}
    from amounts
    inner join units
        on
            amounts.unit_key = units.unit_key
            and amounts.experiment_key = units.experiment_key
            and (
                {{ counts_for('amounts', 'units', 'amounts') }}
                or {{ lies_before('amounts', 'units') }}
            )
    {%- else %}
    select {{ unit_day_columns() }}
    from (
        select * from units
        where
            unit_key in (
                select unit_key from {{ ref('int_experiment_amounts') }}
                where activity_date >= {{ first_day }}
            )
    ) as units
    inner join (
        select * from amounts
        where
            activity_date >= from_date
            and activity_date >= {{ first_day }}
    ) as amounts
        on
            units.unit_key = amounts.unit_key
            and units.experiment_key = amounts.experiment_key
            and {{ counts_for('amounts', 'units', 'amounts') }}
    union all
    select {{ unit_day_columns() }}
    from (
        select * from amounts
        where
            unit_key in (
                select unit_key from {{ ref('int_experiment_units') }}
                where exposure_date >= {{ first_day }}
            )
    ) as amounts
    inner join (
        select * from units
        where
            exposure_date >= from_date
            and exposure_date >= {{ first_day }}
    ) as units
        on
            amounts.unit_key = units.unit_key
            and amounts.experiment_key = units.experiment_key
            and {{ lies_before('amounts', 'units') }}
    {%- endif %}
{%- endmacro %}


{# The amounts of a numerator or a denominator. Sums of denominators that no metric has
   would cost a quarter of the whole. #}
{% macro total_of_side(side) -%}
    {%- if some_metrics_divide() -%}
    cast(coalesce(sum(case when side = '{{ side }}' then amount end), 0) as decimal(18, 6))
    {%- else -%}
    {{ 'cast(sum(amount) as decimal(18, 6))' if side == 'y' else '0' }}
    {%- endif -%}
{%- endmacro %}


{# The sum over the rows of a unit and metric so far: of its days, or of its entry. #}
{% macro up_to_the_day(name, of_entries=false) -%}
    {%- if name == 'd' and not some_metrics_divide() -%}
    0
    {%- else -%}
    sum(case when {{ 'not ' if of_entries }}is_entry then 0 else {{ name }} end) over up_to_the_day
    {%- endif -%}
{%- endmacro %}


{# Totals before and after each row, with those of the rows of earlier days that a night
   leaves as they are. #}
{% macro after_earlier_days(rows, unit_days, metrics, starts=none) -%}
    {%- set sums = {'y': 'y', 'x': 'case when is_entry then x end'} -%}
    {%- if some_metrics_divide() -%}
        {%- do sums.update({'d': 'd', 'w': 'case when is_entry then w end'}) -%}
    {%- endif -%}
    select
        {{ rows }}.metric_key,
        {{ rows }}.unit_key,
        {{ rows }}.is_entry,
        {{ rows }}.day_date,
        {% for name in ['y', 'd'] -%}
        {%- set earlier = ' + coalesce(earlier.' ~ name ~ ', 0)' if starts and name in sums else '' -%}
        {{ rows }}.{{ name }}_after {{- earlier }} as {{ name }}_after,
        {{ rows }}.{{ name }}_after - case when {{ rows }}.is_entry then 0 else {{ rows }}.{{ name }} end
        {{- earlier }} as {{ name }}_before,
        {% endfor -%}
        {% for name in ['x', 'w'] -%}
        {{ rows }}.{{ name }} {{- ' + coalesce(earlier.' ~ name ~ ', 0)' if starts and name in sums }} as {{ name }}
        {{- ',' if not loop.last }}
        {% endfor -%}
    from {{ rows }}
    {% if starts -%}
    left join (
        select
            metrics.metric_key,
            known.unit_key,
            {% for name in sums -%}
            known.{{ name }}{{ ',' if not loop.last }}
            {% endfor -%}
        from (
            select
                experiment_name,
                metric_name,
                unit_key,
                {% for name, value in sums.items() -%}
                sum({{ value }}) as {{ name }}{{ ',' if not loop.last }}
                {% endfor -%}
            from {{ this }}
            where
                unit_key in (select unit_key from {{ unit_days }})
                and (
                    false
                    {% for name, day in starts.items() -%}
                    or (experiment_name = '{{ name }}' and day_date < date '{{ day }}')
                    {% endfor -%}
                )
            group by experiment_name, metric_name, unit_key
        ) as known
        inner join {{ metrics }} as metrics
            on
                known.experiment_name = metrics.experiment_name
                and known.metric_name = metrics.metric_name
    ) as earlier
        on
            {{ rows }}.unit_key = earlier.unit_key
            and {{ rows }}.metric_key = earlier.metric_key
    {%- endif %}
{%- endmacro %}


{# A unit's total as a metric sees it: yes or no of a flag, never beyond its caps. #}
{% macro at_most_once(total, is_flag) -%}
    case when {{ is_flag }} then least({{ total }}, 1) else {{ total }} end
{%- endmacro %}

{# Which amounts count for which units. #}

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
                and {{ microsecond_of(amount ~ '.occurred_at') }} - {{ microsecond_of(unit ~ '.exposed_at') }}
                < {{ metric }}.window_seconds * 1000000
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
        sides.metric_number,
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
    amounts.metric_number,
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

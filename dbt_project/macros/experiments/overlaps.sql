{# Which experiments may share units. #}

{# Whether two experiments past their draft have units of one kind. #}
{% macro some_experiments_may_overlap() %}
    {% set units = declared_experiments() | map(attribute='unit_sql') | list %}
    {{ return(units | length > units | unique | list | length) }}
{% endmacro %}


{% macro no_overlaps() -%}
    select
        cast(null as {{ dbt.type_string() }}) as experiment_name,
        cast(null as {{ dbt.type_string() }}) as other_experiment_name,
        cast(null as {{ dbt.type_string() }}) as metric_name,
        cast(null as boolean) as is_capped,
        cast(null as {{ dbt.type_string() }}) as variant,
        cast(null as {{ dbt.type_string() }}) as other_variant,
        cast(null as date) as day_date,
        cast(null as {{ dbt.type_string() }}) as metric_kind,
        cast(null as bigint) as unit_count,
        {% for name in overlap_figures() -%}
        cast(null as double) as {{ name }},
        {% endfor -%}
        cast(null as timestamp) as data_complete_through
    where false
{%- endmacro %}


{% macro overlap_figures() %}
    {{ return(['shift_y', 'shift_d', 'y', 'd', 'yy', 'yd', 'dd']) }}
{% endmacro %}


{# Pairs whose units may be in both by the last whole day of the first:
   (experiment_name, other_experiment_name, day_date). #}
{% macro pairs_of_experiments() -%}
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
{%- endmacro %}


{# Who takes part in both of a pair on its day. #}
{% macro units_of_pairs(pairs) -%}
    select
        pairs.experiment_name,
        pairs.other_experiment_name,
        pairs.day_date,
        own.unit_key,
        own.variant,
        own.exposed_at,
        own.exposure_date,
        other.variant as other_variant,
        other.exposure_date as other_exposure_date
    from {{ ref('int_experiment_units') }} as own
    inner join {{ pairs }} as pairs
        on own.experiment_name = pairs.experiment_name
    inner join {{ ref('int_experiment_units') }} as other
        on
            own.unit_key = other.unit_key
            and pairs.other_experiment_name = other.experiment_name
    where
        own.takes_part
        and other.takes_part
        and coalesce(own.conflict_date > pairs.day_date, true)
        and coalesce(other.conflict_date > pairs.day_date, true)
{%- endmacro %}


{# These units by each metric whose window is over. #}
{% macro matured_metrics_of(shared_units) -%}
    select
        shared_units.*,
        metrics.metric_name,
        metrics.metric_kind,
        metrics.has_caps
    from {{ shared_units }} as shared_units
    inner join {{ ref('stg_catalog_experiment_metrics') }} as metrics
        on shared_units.experiment_name = metrics.experiment_name
    where
        {{ maturity_date('shared_units', 'metrics') }} <= shared_units.day_date
        and {{ maturity_date('shared_units', 'metrics') }} >= shared_units.other_exposure_date
{%- endmacro %}


{# What these units had: (experiment_name, metric_name, unit_key, y, d). #}
{% macro totals_of_shared_units(shared_units) -%}
    select
        metrics.experiment_name,
        metrics.metric_name,
        unit_days.unit_key,
        sum(unit_days.y) as y,
        sum(unit_days.d) as d
    from {{ ref('int_experiment_unit_days') }} as unit_days
    inner join ({{ metrics_of_experiments() }}) as metrics
        on unit_days.metric_key = metrics.metric_key
    inner join (
        select distinct
            experiment_name,
            unit_key
        from {{ shared_units }}
    ) as shared
        on
            unit_days.unit_key = shared.unit_key
            and metrics.experiment_name = shared.experiment_name
    where not unit_days.is_entry
    group by metrics.experiment_name, metrics.metric_name, unit_days.unit_key
{%- endmacro %}

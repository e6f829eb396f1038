{# Each breakdown of each declared retention is a block of its own. By the calendar a cell
   tells of one period, and a change reaches no cell of an earlier one. #}
{% macro blocks_of_retention() %}
    {% set found = [] %}
    {% for retention in declared_retention() %}
        {% for breakdown in fromjson(retention.breakdowns) %}
            {% do found.append(dict(
                block_of(
                    dict(retention, as_of=setting('as_of')),
                    [retention.retention_name, breakdown.dimension] | join(' ')
                ),
                breakdown=breakdown,
                series_keys=[breakdown.entries, breakdown.returns],
                is_whole=retention.clock != 'calendar'
                or retention.retention_type in ['bracket', 'unbounded']
            )) %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The condition of what a change may have changed: cells of periods, from the first it
   lies in. #}
{% macro is_retention_told_again(retention) -%}
    {%- set start = changed_period_start(retention, retention.period) -%}
    {%- if start is none -%}
    true
    {%- else -%}
    {{ period_number_of(retention.period, 'cohort_start') }} + period_number
    >= {{ period_number_of(retention.period, start) }}
    {%- endif -%}
{%- endmacro %}


{# The SQL of one retention definition and one breakdown (or the total): how many are in
   each cohort, and how many of them came back. Every block yields (retention_name,
   dimension, dimension_value, cohort_start, period_number, person_count); number 0 is
   the cohort. `entries` is the relation that `entries_of_cohorts` made. #}
{% macro retention_counts(retention, breakdown, entries) -%}
    select
        '{{ retention.retention_name }}' as retention_name,
        '{{ breakdown.dimension }}' as dimension,
        dimension_value,
        cohort_start,
        cast(period_number as integer) as period_number,
        cast(person_count as bigint) as person_count
    from (
        select
            dimension_value,
            cohort_start,
            0 as period_number,
            count(*) as person_count
        from {{ entries }}
        group by dimension_value, cohort_start
        union all
        {% if retention.retention_type == 'unbounded' -%}
        {{ returned_in_or_after(retention, breakdown, entries) }}
        {%- else -%}
        {%- set is_in_words = are_counts_of_words(retention) -%}
        -- A total is not grouped by its one value: a text costs as a key even so.
        select
            {{ 'dimension_value' if breakdown.dimension != 'all' else "'all' as dimension_value" }},
            cohort_start,
            period_number,
            {{ 'sum(person_count)' if is_in_words else 'count(*)' }} as person_count
        from ({{ counts_of_words(retention, breakdown, entries) if is_in_words
            else returns_of_cohorts(retention, breakdown, entries) }}) as returned
        group by cohort_start, period_number {{- ', dimension_value' if breakdown.dimension != 'all' }}
        {%- endif %}
    ) as counted
{%- endmacro %}


{# Who is counted in these numbers, one row per member: unit_key in place of the count. #}
{% macro retention_members(retention, breakdown, entries) -%}
    select
        '{{ retention.retention_name }}' as retention_name,
        '{{ breakdown.dimension }}' as dimension,
        dimension_value,
        cohort_start,
        cast(period_number as integer) as period_number,
        unit_key
    from (
        select
            unit_key,
            dimension_value,
            cohort_start,
            0 as period_number
        from {{ entries }}
        union all
        {% if retention.retention_type == 'unbounded' -%}
        select
            furthest.unit_key,
            furthest.dimension_value,
            furthest.cohort_start,
            periods.period_number
        from ({{ furthest_returns(retention, breakdown, entries) }}) as furthest
        {{ up_to_the_furthest(retention) }}
        {%- else -%}
        {{ returns_of_cohorts(retention, breakdown, entries) }}
        {%- endif %}
    ) as counted
{%- endmacro %}


{# Counts of who was back in a period or any later one: everyone counts up to the last
   period they were back in. #}
{% macro returned_in_or_after(retention, breakdown, entries) -%}
    select
        furthest.dimension_value,
        furthest.cohort_start,
        periods.period_number,
        sum(furthest.person_count) as person_count
    from (
        select
            dimension_value,
            cohort_start,
            furthest_number,
            count(*) as person_count
        from ({{ furthest_returns(retention, breakdown, entries) }}) as by_person
        group by dimension_value, cohort_start, furthest_number
    ) as furthest
    {{ up_to_the_furthest(retention) }}
    group by
        furthest.dimension_value,
        furthest.cohort_start,
        periods.period_number
{%- endmacro %}


{# The last period in which each member was back. #}
{% macro furthest_returns(retention, breakdown, entries) -%}
    select
        unit_key,
        dimension_value,
        cohort_start,
        max(period_number) as furthest_number
    from ({{ returns_of_cohorts(retention, breakdown, entries) }}) as returned
    group by unit_key, dimension_value, cohort_start
{%- endmacro %}


{% macro up_to_the_furthest(retention) -%}
    inner join {{ ref('stg_catalog_retention_periods') }} as periods
        on
            periods.retention_name = '{{ retention.retention_name }}'
            and periods.period_number >= 1
            and periods.period_number <= furthest.furthest_number
{%- endmacro %}


{# The periods of a definition: [{period_number, last_period_number}, ...]. #}
{% macro periods_of(retention) %}
    {{ return(fromjson(retention.periods)) }}
{% endmacro %}


{# The columns before the last one: a count, or who is counted. #}
{% macro no_retention_rows(last_column, type) -%}
    select
        cast(null as {{ dbt.type_string() }}) as retention_name,
        cast(null as {{ dbt.type_string() }}) as dimension,
        cast(null as {{ dbt.type_string() }}) as dimension_value,
        cast(null as timestamp) as cohort_start,
        cast(null as integer) as period_number,
        cast(null as {{ type }}) as {{ last_column }}
    where false
{%- endmacro %}


{# Who is counted, one block of SQL per declared definition and breakdown, all of them from
   rows of one unit and day. #}
{% macro members_of_each_retention() -%}
with {% for retention in declared_retention() -%}
{% for breakdown in fromjson(retention.breakdowns) %}
{% set block = retention.retention_name ~ '__' ~ loop.index0 %}
{{ block }}__entries as (

    {{ entries_of_cohorts(retention, breakdown) }}

),

{{ block }} as (

    {{ retention_members(retention, breakdown, block ~ '__entries') }}

),

{% endfor %}
{% endfor %}
final as (

    {% for retention in declared_retention() -%}
    {% for _ in fromjson(retention.breakdowns) %}
    select * from {{ retention.retention_name }}__{{ loop.index0 }}
    union all
    {% endfor %}
    {% endfor %}
    {{ no_retention_rows('unit_key', 'integer') }}

)

select * from final
{%- endmacro %}

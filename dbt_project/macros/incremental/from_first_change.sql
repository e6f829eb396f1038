{# How a table of counts over time is kept up to date from the first day that changed: what
   lies before it stands. The table is told in blocks, each from its series of events by
   one declaration: its rows carry `block`, `declaration` and `built_through_load_id`.

   config.meta.blocks:
     declared  the macro that lists them: mappings with `block`, `declaration`, `timezone`,
               `series_key` or `series_keys`, and `is_whole` where a change reaches back,
     replaced  the macro that gives the condition of a row of such a block that is told
               again, where it is not told whole. #}

{# A block with its name and the name of all that its rows are computed from. #}
{% macro block_of(definition, name) %}
    {{ return(dict(
        definition,
        block=name,
        declaration=local_md5([name, definition, setting('event_rules_hash')] | join('|'))
    )) }}
{% endmacro %}


{# Of declared blocks those that a run computes, each with `since`: the moment, as its zone
   tells time, that the first change lies at or after, as SQL; none where it is computed
   whole, because it is new, or because a change may reach back. #}
{% macro blocks_to_compute(blocks, mark) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set known = declarations_by('block', this) if is_incremental() else {} %}
    {% set first_day = first_changed_day(mark) if is_incremental() else none %}
    {% set found = [] %}
    {% for block in blocks %}
        {% if known.get(block.block) != block.declaration %}
            {% do found.append(dict(block, since=none)) %}
        {% elif first_day is not none %}
            {% set is_whole = block.is_whole or may_change_on_any_day(
                block.series_keys or [block.series_key]
            ) %}
            {% do found.append(dict(
                block, since=none if is_whole else first_moment_of(first_day, block.timezone)
            )) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# Whether rows of series may change on days without a new event: what a person is decides
   them. #}
{% macro may_change_on_any_day(series_keys) %}
    {% for series in declared_series() if series.series_key in series_keys and series.uses_person_properties %}
        {{ return(true) }}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}


{# The first moment of a UTC day as a zone tells time. Where clocks are set back, a later
   moment has an earlier name: by a day less no zone errs. #}
{% macro first_moment_of(day, zone) -%}
    {{ local_time_in("timestamp '" ~ day ~ " 00:00:00'", zone) }}
    {{- " - interval '1' day" if zone != 'UTC' }}
{%- endmacro %}


{# The start of the first period that a change of a block lies in, none where all may have
   changed. #}
{% macro changed_period_start(block, period) %}
    {{ return(
        period_start_of(period, block.since, block.week_start) if block.since else none
    ) }}
{% endmacro %}


{# The first UTC day whose events changed since a mark, none where none did. #}
{% macro first_changed_day(mark) %}
    {{ return((changed_dates(changed_days_since(mark), 'event_date') or [none])[0]) }}
{% endmacro %}


{# Incremental strategy: rows from the first change on make way, and so do the rows of
   blocks told whole and those of another declaration. #}
{% macro get_incremental_replace_from_first_change_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set blocks = context[config.get('meta')['blocks']['declared']]() %}
    {% set is_told_again = context[config.get('meta')['blocks']['replaced']] %}
    {% set mark = high_water_mark('built_through_load_id') %}

    delete from {{ target }}
    where
        not {{ is_declared(blocks, 'block') }}
        {% for block in blocks_to_compute(blocks, mark) -%}
        or (
            block = '{{ block.block }}'
            and {{ 'true' if block.since is none else is_told_again(block) }}
        )
        {% endfor -%}
    ;

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}


{# The columns that each row of such a table ends with; of no block, their types. #}
{% macro block_columns(block=none) -%}
    cast({{ "'" ~ block.block ~ "'" if block else 'null' }} as {{ dbt.type_string() }}) as block,
    cast({{ "'" ~ block.declaration ~ "'" if block else 'null' }} as {{ dbt.type_string() }}) as declaration,
    {{ newest_load() }} as built_through_load_id
{%- endmacro %}


{# The condition that a moment lies at or after one, of which none means every moment. #}
{% macro lies_from(column, since) -%}
    {{ 'true' if since is none else column ~ ' >= ' ~ since }}
{%- endmacro %}

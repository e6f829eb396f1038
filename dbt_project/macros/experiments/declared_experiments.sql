{# The experiments of the compiled catalog, and which of their days a run computes. #}

{# Experiments that are past their draft, one mapping each, by name; what changes figures
   is in `declaration`. #}
{% macro declared_experiments() %}
    {% set settings = declared_settings() %}
    {% set rules = [settings.get('reporting_timezone'), settings.get('event_rules_hash'), settings.get('sessions_hash')] | join('|') %}
    {% set found = [] %}
    {% for row in compiled_rows('catalog_experiments', 'experiment_name') if row.status != 'draft' %}
        {% do found.append(dict(
            row, slices=fromjson(row.slices), declaration=local_md5(row.figures_hash ~ '|' ~ rules)
        )) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The streams of amounts that they are counted from. #}
{% macro declared_components() %}
    {% set settings = declared_settings() %}
    {% set rules = [settings.get('reporting_timezone'), settings.get('event_rules_hash'), settings.get('sessions_hash')] | join('|') %}
    {% set found = [] %}
    {% for row in compiled_rows('catalog_experiment_components', 'component_id') %}
        {% do found.append(dict(row, declaration=local_md5(row.component_id ~ '|' ~ rules))) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The first local day that each experiment is computed from, by its name. All figures of
   a day rest on that day and earlier ones, so a change reaches forward only, and no
   farther back than the days before the exposure count. One whose declaration is new is
   computed whole; so is one that reads what persons are, which may change on any day.
   Without a change in its days an experiment is left out. #}
{% macro experiments_to_compute(known_declarations, mark) %}
    {% if not execute %}{{ return({}) }}{% endif %}
    {% set changed = changed_dates(changed_local_days_since(mark), 'activity_date') if known_declarations else [] %}
    {% set streams = declared_components() if changed else [] %}
    {% set reads_persons = streams | selectattr('uses_person_properties') | list | length > 0 %}
    {% set starts = {} %}
    {% for experiment in declared_experiments() %}
        {% if known_declarations.get(experiment.experiment_name) != experiment.declaration %}
            {% do starts.update({experiment.experiment_name: '0001-01-01'}) %}
        {% else %}
            {% set reach = days_of_experiment(experiment, streams) %}
            {% set within = [] %}
            {% for day in changed if day >= reach[0] and day <= reach[1] %}
                {% do within.append(day) %}
            {% endfor %}
            {% if within %}
                {% set is_whole = experiment.uses_person_properties or reads_persons %}
                {% do starts.update({
                    experiment.experiment_name: '0001-01-01' if is_whole else within[0]
                }) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {{ return(starts) }}
{% endmacro %}


{# The first and the last local day that may change a figure of an experiment: those of
   all streams, which know the windows. #}
{% macro days_of_experiment(experiment, streams) %}
    {% set first = '0001-01-01' %}
    {% set last = '9999-12-31' %}
    {% if experiment.start_date is not none and experiment.end_date is not none %}
        {% set first, last = experiment.start_date | string, experiment.end_date | string %}
        {% set firsts, lasts = [first], [last] %}
        {% for stream in streams %}
            {% if stream.first_date is not none %}{% do firsts.append(stream.first_date | string) %}{% endif %}
            {% if stream.last_date is not none %}{% do lasts.append(stream.last_date | string) %}{% endif %}
        {% endfor %}
        {{ return([firsts | min, lasts | max]) }}
    {% endif %}
    {{ return([first, last]) }}
{% endmacro %}


{# Whether some of them go on from a day on which rows of the table stand. #}
{% macro some_go_on(starts) %}
    {{ return(starts.values() | reject('equalto', '0001-01-01') | list | length > 0) }}
{% endmacro %}


{# The first of these days, as a literal: an engine skips what it can compare with one. #}
{% macro first_computed_day(starts) -%}
    date '{{ starts.values() | min if starts else '9999-12-31' }}'
{%- endmacro %}


{# Whether no amount is of a later day than the first computed one, as in a night that
   follows upon another: then no unit has rows of several days to put in order. #}
{% macro lies_in_one_day(first_day) %}
    {% if not execute %}{{ return(false) }}{% endif %}
    {{ return(run_query(
        'select coalesce(max(activity_date) <= ' ~ first_day ~ ', false) from ' ~ ref('int_experiment_amounts')
    ).columns[0].values()[0]) }}
{% endmacro %}


{# The most days before an exposure that any experiment looks at. #}
{% macro longest_covariate_days() -%}
    {{ declared_experiments() | map(attribute='covariate_days') | max if declared_experiments() else 0 }}
{%- endmacro %}


{# (experiment_name, experiment_key, from_date) of what a run computes. #}
{% macro computed_from(starts) -%}
    {% for name, day in starts.items() -%}
    select
        '{{ name }}' as experiment_name,
        {{ loop.index }} as experiment_key,
        date '{{ day }}' as from_date
    union all
    {% endfor -%}
    select
        cast(null as {{ dbt.type_string() }}) as experiment_name,
        cast(null as integer) as experiment_key,
        cast(null as date) as from_date
    where false
{%- endmacro %}


{# Incremental strategy: the days of an experiment from the first computed one on (all,
   where its declaration is new) make way for the rows just computed; rows of an
   experiment that is no longer declared go.
   config.meta.day_column names the day; where rows of one thing stand on any day,
   config.meta.replaced_by names the columns that tell which came back. #}
{% macro get_incremental_replace_experiments_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set known = declarations_by('experiment_name', target) %}
    {% set starts = experiments_to_compute(known, high_water_mark('built_through_load_id')) %}
    {% set declared = declared_experiments() | map(attribute='experiment_name') | list %}

    delete from {{ target }}
    where
        experiment_name in {{ sql_list(known.keys() | reject('in', declared) | list) }}
        {% for name, day in starts.items() %}
        or (
            experiment_name = '{{ name }}'
            and {{ config.get('meta')['day_column'] }} >= date '{{ day }}'
        )
        {% endfor %}
        {% if config.get('meta').get('replaced_by') -%}
        or exists (
            select 1 from {{ arguments['temp_relation'] }} as fresh
            where {{ agree_in('fresh', target, config.get('meta')['replaced_by']) }}
        )
        {%- endif %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}


{# A product that loses no digit: amounts have 6 of them, their products 12. A total of
   squares may have 26 digits before the point. #}
{% macro exact_product(left, right) %}{{ return(adapter.dispatch('exact_product')(left, right)) }}{% endmacro %}
{% macro default__exact_product(left, right) -%}
    cast(cast({{ left }} as decimal(18, 6)) * cast({{ right }} as decimal(18, 6)) as decimal(38, 12))
{%- endmacro %}
{% macro duckdb__exact_product(left, right) -%}
    cast({{ left }} as decimal(38, 6)) * cast({{ right }} as decimal(38, 6))
{%- endmacro %}


{# (experiment_name, declaration) of all experiments past their draft. #}
{% macro declarations_of_experiments() -%}
    {% for experiment in declared_experiments() -%}
    select
        '{{ experiment.experiment_name }}' as experiment_name,
        '{{ experiment.declaration }}' as declaration
    union all
    {% endfor -%}
    select
        cast(null as {{ dbt.type_string() }}) as experiment_name,
        cast(null as {{ dbt.type_string() }}) as declaration
    where false
{%- endmacro %}

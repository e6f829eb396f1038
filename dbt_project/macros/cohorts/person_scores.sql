{# Scores: what persons did in trailing days, as points that add up to 100. #}

{# Under `declaration` the name of all that a score is computed from. #}
{% macro declared_scores() %}
    {% set found = compiled_rows('catalog_scores', 'score_name') %}
    {% for score in found %}
        {% do score.update({
            'declaration': local_md5(score ~ '|' ~ setting('event_rules_hash'))
        }) %}
        {% set parts = fromjson(score.parts) %}
        {% set weights = parts | map(attribute='weight') | map('float') | list %}
        {% for part in parts %}
            {% do part.update({'full_points': 100 * weights[loop.index0] / (weights | sum)}) %}
        {% endfor %}
        {% do score.update({'parts': parts, 'bands': fromjson(score.bands)}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The days at whose end a score is told: the newest complete one, and before it the last
   days of complete weeks. #}
{% macro score_days(score) -%}
    select newest_date as score_date from ({{ newest_complete_day(score) }}) as newest
    {% if score.week_count -%}
    union
    select
        cast({{ period_start_of('week', 'cast(newest.newest_date + 1 as timestamp)', score.week_start) }} as date)
        - (7 * weeks.week_number + 1) as score_date
    from ({{ newest_complete_day(score) }}) as newest
    cross join {{ numbers_between(0, score.week_count - 1) }} as weeks (week_number)
    {%- endif %}
{%- endmacro %}


{% macro days_told(score) %}
    {{ return(changed_dates(
        'select score_date from (' ~ score_days(score) ~ ') as told where score_date is not null',
        'score_date'
    )) }}
{% endmacro %}


{# The days whose scores a run computes, by score: `all` where the declaration is new, or
   what persons are may have changed; else those not told yet, and those that a changed
   day lies before, within what is counted. Scores without such days are left out. #}
{% macro score_days_to_compute(known_declarations, mark) -%}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- set changed = days_around(changed_dates(changed_days_since(mark), 'event_date'), 1, 1)
        if known_declarations else [] -%}
    {%- set days = {} -%}
    {%- for score in declared_scores() -%}
        {%- if known_declarations.get(score.score_name) != score.declaration
            or (changed and counts_by_properties(score)) -%}
            {%- do days.update({score.score_name: 'all'}) -%}
        {%- else -%}
            {%- set stands = changed_dates(
                'select score_date from ' ~ this ~ " where score_name = '" ~ score.score_name ~ "'",
                'score_date'
            ) -%}
            {%- set reached = days_around(
                changed, 0, [score.listed_days, score.window_days] | max
            ) -%}
            {%- set due = [] -%}
            {%- for day in days_told(score) if day not in stands or day in reached -%}
                {%- do due.append(day) -%}
            {%- endfor -%}
            {%- if due -%}{%- do days.update({score.score_name: due}) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(days) }}
{%- endmacro %}


{# Whether a series of a score asks what a person is, which may change for any day. #}
{% macro counts_by_properties(score) -%}
    {%- set keys = [score.seen_series_key] + score.parts | map(attribute='series_key') | list -%}
    {%- for series in declared_series() if series.series_key in keys and series.uses_person_properties -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}


{# Incremental strategy of scores: days just computed make way, also where nobody comes
   back, and so do days that are told no more and rows of another declaration. #}
{% macro get_incremental_replace_scores_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set days = score_days_to_compute(
        declarations_by('score_name', target), high_water_mark('built_through_load_id')
    ) %}
    {% set told = {} %}
    {% for score in declared_scores() if days_told(score) %}
        {% do told.update({score.score_name: days_told(score)}) %}
    {% endfor %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_scores(), 'score_name') }}
        or not {{ lies_in_days_of(told, 'score_name', 'score_date') }}
        or {{ lies_in_days_of(days, 'score_name', 'score_date') }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}


{% macro computed_score_days(score, days) -%}
    {% if days == 'all' -%}
    {{ score_days(score) }}
    {%- else -%}
    {% for day in days -%}
    select date '{{ day }}' as score_date
    {{ 'union all' if not loop.last }}
    {% endfor -%}
    {%- endif %}
{%- endmacro %}


{% macro newest_complete_day(score) -%}
    select cast({{ local_time_in('watermark_at', score.timezone) }} as date) - 1 as newest_date
    from {{ ref('int_watermark') }}
{%- endmacro %}


{# Rows of one series in the days that end with each day of a score. #}
{% macro rows_before_score_days(series_key, days, trailing) -%}
    {{ ref('int_cohort_days') }} as rows_of_days
    inner join {{ days }} as days
        on
            cast(rows_of_days.bucket_at as date) <= days.score_date
            and cast(rows_of_days.bucket_at as date) > days.score_date - {{ trailing }}
    where
        rows_of_days.series_id = '{{ series_id(series_key) }}'
        and rows_of_days.bucket_at > (select min(score_date) from {{ days }}) - {{ trailing }}
{%- endmacro %}


{# What one part measures, of those who have any of its events in the window; of idle
   days, in the days that persons are listed for. #}
{% macro measured_part(score, part, days) -%}
    {%- set measures = {
        'active_days': 'count(distinct cast(rows_of_days.bucket_at as date))',
        'events': 'sum(rows_of_days.event_count)',
        'value': 'sum(rows_of_days.value_sum)',
        'idle_days': count_between('max(cast(rows_of_days.bucket_at as date))', 'days.score_date', 'day')
    } -%}
    {%- set trailing = score.listed_days if part.measure == 'idle_days' else score.window_days -%}
    select
        days.score_date,
        rows_of_days.unit_key,
        cast({{ measures[part.measure] }} as decimal(38, 6)) as measured
    from {{ rows_before_score_days(part.series_key, days, trailing) }}
    group by days.score_date, rows_of_days.unit_key
{%- endmacro %}


{# The points of a part: in proportion up to `full_at`, the other way round where less is
   better. Idle days of who has none of the events in sight are all that are listed. #}
{% macro points_of_part(score, part, measured) -%}
    {%- set unseen = score.listed_days if part.measure == 'idle_days' else 0 -%}
    {%- set share -%}
    least(1, greatest(0, cast(coalesce({{ measured }}, {{ unseen }}) as double) / {{ part.full_at }}))
    {%- endset -%}
    {{ part.full_points }} * {{ '(1 - ' ~ share ~ ')' if part.is_less_better else share }}
{%- endmacro %}


{# Scores of one definition: (score_name, declaration, score_date, unit_key, score, band,
   measured, points), the lists in the order of the parts. #}
{% macro person_scores(score, days, persons) -%}
    select
        '{{ score.score_name }}' as score_name,
        '{{ score.declaration }}' as declaration,
        score_date,
        unit_key,
        score,
        case
            {% for band in score.bands -%}
            when score >= {{ band.starts_at }} then '{{ band.name }}'
            {% endfor %}
        end as band,
        measured,
        points
    from (
        select
            *,
            -- Points are fractions: what adds up to a bound may miss it by a last bit.
            round(
                {%- for part in score.parts %}
                {{ item_of('points', loop.index) }}{{ ' +' if not loop.last }}
                {%- endfor %},
                6
            ) as score
        from (
            select
                persons.score_date,
                persons.unit_key,
                {% set measured = [] -%}
                {%- set points = [] -%}
                {%- for part in score.parts -%}
                    {%- set column = 'part_' ~ loop.index ~ '.measured' -%}
                    {%- do measured.append('cast(' ~ column ~ ' as double)') -%}
                    {%- do points.append(points_of_part(score, part, column)) -%}
                {%- endfor %}
                {{ list_of_columns(measured) }} as measured,
                {{ list_of_columns(points) }} as points
            from {{ persons }} as persons
            {% for part in score.parts -%}
            left join ({{ measured_part(score, part, days) }}) as part_{{ loop.index }}
                on
                    persons.score_date = part_{{ loop.index }}.score_date
                    and persons.unit_key = part_{{ loop.index }}.unit_key
            {% endfor %}
        ) as weighed
    ) as added_up
{%- endmacro %}


{% macro no_person_scores() -%}
    select
        cast(null as {{ dbt.type_string() }}) as score_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as score_date,
        cast(null as integer) as unit_key,
        cast(null as double) as score,
        cast(null as {{ dbt.type_string() }}) as band,
        {{ empty_list_of_numbers() }} as measured,
        {{ empty_list_of_numbers() }} as points
    where false
{%- endmacro %}

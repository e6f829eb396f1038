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


{# The day at whose end persons are told their score: the newest complete one. #}
{% macro newest_score_day(score) -%}
    select cast({{ local_time_in('watermark_at', score.timezone) }} as date) - 1 as score_date
    from {{ ref('int_watermark') }}
{%- endmacro %}


{# The days at whose end persons are counted: the same, and before it the last days of
   complete weeks. #}
{% macro score_days(score) -%}
    {{ newest_score_day(score) }}
    {% if score.week_count -%}
    union
    select
        cast({{ period_start_of('week', 'cast(newest.score_date + 1 as timestamp)', score.week_start) }} as date)
        - (7 * weeks.week_number + 1) as score_date
    from ({{ newest_score_day(score) }}) as newest
    cross join {{ numbers_between(0, score.week_count - 1) }} as weeks (week_number)
    {%- endif %}
{%- endmacro %}


{# The days that a macro lists, or the one that a table of scores names in
   config.meta.told, as ISO texts; none before there is a watermark, when dbt only
   compiles. #}
{% macro days_told(score, listed=none) %}
    {% if load_relation(ref('int_watermark')) is none %}{{ return([]) }}{% endif %}
    {% set days = context[listed or config.get('meta')['told']](score) %}
    {{ return(changed_dates(
        'select score_date from (' ~ days ~ ') as told where score_date is not null',
        'score_date'
    )) }}
{% endmacro %}


{# The days whose scores a run computes, by score: all where the declaration is new, or
   what persons are may have changed; else those not told yet, and those that a changed
   day lies before, within what is counted. Scores without such days are left out. #}
{% macro score_days_to_compute(known_declarations, mark) -%}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- set days = {} -%}
    {%- for score in declared_scores() -%}
        {%- set changed = changed_dates(
            changed_local_days_since(mark, score.timezone), 'activity_date'
        ) if known_declarations else [] -%}
        {%- if known_declarations.get(score.score_name) != score.declaration
            or (changed and may_change_on_any_day(
                [score.seen_series_key] + score.parts | map(attribute='series_key') | list
            )) -%}
            {%- do days.update({score.score_name: days_told(score)}) -%}
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


{# Whether a row of days counts: it is of a series, in the days that end with a day. #}
{% macro lies_before_day(series_key, day, trailing) -%}
    series_id = '{{ series_id(series_key) }}'
    and bucket_at >= date '{{ day }}' - {{ trailing - 1 }}
{%- endmacro %}


{# What one part measures, of those who have any of its events in the window; of idle
   days, in the days that persons are listed for. #}
{% macro measured_part(score, part, day) -%}
    {%- set active_on = 'cast(bucket_at as date)' -%}
    {%- set column = {'events': 'event_count', 'value': 'value_sum'}.get(part.measure, active_on) -%}
    {%- set trailing = score.listed_days if part.measure == 'idle_days' else score.window_days -%}
    {%- set counted = 'case when ' ~ lies_before_day(part.series_key, day, trailing)
        ~ ' then ' ~ column ~ ' end' -%}
    {%- set measures = {
        'active_days': distinct_days(counted, day, trailing),
        'idle_days': count_between('max(' ~ counted ~ ')', "date '" ~ day ~ "'", 'day')
    } -%}
    cast({{ measures.get(part.measure, 'sum(' ~ counted ~ ')') }} as decimal(38, 6))
{%- endmacro %}


{# How many of the trailing days there are, as bits of words: to tell a person's days apart
   by values took twice as long. #}
{% macro distinct_days(column, day, trailing) -%}
    {%- set days_ago = count_between(column, "date '" ~ day ~ "'", 'day') -%}
    nullif(
        {%- for first in range(0, trailing, periods_a_word()) %}
        coalesce(bit_count(bit_or(
            case
                when {{ days_ago }} between {{ first }} and {{ first + periods_a_word() - 1 }}
                    then {{ bit_at(days_ago ~ ' - ' ~ first) }}
            end
        )), 0){{ ' +' if not loop.last }}
        {%- endfor %},
        0
    )
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


{# Scores of one definition on one day: (score_name, declaration, score_date, unit_key,
   score, band, measured, points), the lists in the order of the parts. A night tells one
   day or two: all parts of one are measured in one pass, with nothing to join. #}
{% macro person_scores(score, day) -%}
    {%- set series = [series_id(score.seen_series_key)] -%}
    {%- set measured = [] -%}
    {%- set points = [] -%}
    {%- for part in score.parts -%}
        {%- do series.append(series_id(part.series_key)) -%}
        {%- do measured.append('cast(part_' ~ loop.index ~ ' as double)') -%}
        {%- do points.append(points_of_part(score, part, 'part_' ~ loop.index)) -%}
    {%- endfor -%}
    select
        '{{ score.score_name }}' as score_name,
        '{{ score.declaration }}' as declaration,
        date '{{ day }}' as score_date,
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
                unit_key,
                {{ list_of_columns(measured) }} as measured,
                {{ list_of_columns(points) }} as points
            from (
                select
                    {% for part in score.parts -%}
                    {{ measured_part(score, part, day) }} as part_{{ loop.index }},
                    {% endfor -%}
                    unit_key
                from {{ ref('int_cohort_days') }}
                where
                    series_id in {{ sql_list(series | unique | list) }}
                    and bucket_at >= date '{{ day }}' - {{ [score.listed_days, score.window_days] | max - 1 }}
                    and bucket_at < date '{{ day }}' + 1
                group by unit_key
                having bool_or({{ lies_before_day(score.seen_series_key, day, score.listed_days) }})
            ) as counted
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


{# How many persons each band of a score holds on a day, and all together. Who is told a
   score that day is counted from there. #}
{% macro counted_scores(score, day) -%}
    {%- set is_newest = day in days_told(score, 'newest_score_day') -%}
    select
        '{{ score.score_name }}' as score_name,
        '{{ score.declaration }}' as declaration,
        date '{{ day }}' as score_date,
        case when grouping(band) = 0 then band else 'all' end as band,
        count(*) as person_count,
        -- In hundredths of a millionth, so that no order of rows shows in the sum.
        sum(cast(score as decimal(38, 6))) as score_sum,
        {{ percentile_of('score', 0.5) }} as median_score
    {%- if is_newest %}
    from {{ ref('int_person_scores') }}
    where
        score_name = '{{ score.score_name }}'
        and score_date = date '{{ day }}'
    {%- else %}
    from ({{ person_scores(score, day) }}) as scores
    {%- endif %}
    group by grouping sets ((), (band))
    having count(*) > 0
{%- endmacro %}


{% macro no_score_counts() -%}
    select
        cast(null as {{ dbt.type_string() }}) as score_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as score_date,
        cast(null as {{ dbt.type_string() }}) as band,
        cast(null as bigint) as person_count,
        cast(null as decimal(38, 6)) as score_sum,
        cast(null as double) as median_score
    where false
{%- endmacro %}

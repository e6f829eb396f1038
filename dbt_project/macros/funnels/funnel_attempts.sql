{# From the runs of a funnel to its attempts. #}

{# All attempts of one funnel. A run is the funnel itself, or a breakdown whose groups
   are funnels of their own. One query for each funnel: an engine nests the CTEs that
   stand side by side, and gives up beyond a thousand. #}
{% macro attempts_of_funnel(funnel, days) -%}
    {%- set read = 'all' if days == 'all' else days_around(days, 0, window_days(funnel)) -%}
    {%- set runs = [none] + splitting_breakdowns(funnel) -%}
    with
    {{ first_event_ctes(funnel) }}
    step_events as ({{ funnel_events(funnel, read) }}),

    {% for breakdown in runs -%}
    {%- set run = 'run_' ~ loop.index0 -%}
    {%- if breakdown %}
    {{ run }}_events as ({{ split_events(funnel, breakdown) }}),

    {% endif -%}
    {{ attempts_of_run(
        funnel, run, run ~ '_events' if breakdown else 'step_events',
        track_columns(funnel, breakdown), days, breakdown
    ) }}
    {{- ',' if not loop.last }}

    {% endfor -%}
    {%- for breakdown in runs %}
    select
        '{{ funnel.funnel_name }}' as funnel_name,
        '{{ breakdown.name if breakdown else 'all' }}' as breakdown,
        attempts.breakdown_value,
        {{ id_of_unit(funnel, 'attempts') }} as unit_id,
        {{ id_of_person(funnel, 'attempts') }} as person_id,
        {{ id_of_unit(funnel, 'attempts') }} || ' ' || attempts.attempt_name as attempt_id,
        attempts.entered_at,
        attempts.entered_local_at,
        attempts.reached_step,
        attempts.step_times,
        attempts.last_step_at,
        attempts.worth,
        attempts.is_best_of_period
    from (
        {{ marked_attempts(funnel, 'run_' ~ loop.index0 ~ '_kept', breakdown) }}
    ) as attempts
    {{ join_of_persons(funnel, 'attempts') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# Attempts, and which of them speak for their unit in the shortest period: of totals
   each. #}
{% macro marked_attempts(funnel, relation, breakdown) -%}
    {%- set period = 'hour' if 'hour' in fromjson(funnel.periods) else 'day' -%}
    select
        *,
        {% if not breakdown -%}
        'all' as breakdown_value,
        {% endif -%}
        {% if funnel.counting == 'totals' -%}
        true
        {%- else -%}
        row_number() over (
            partition by unit_key{{ ', breakdown_value' if breakdown }}, date_trunc('{{ period }}', entered_local_at)
            order by {{ best_attempt_first(name='attempt_name') }}
        ) = 1
        {%- endif %} as is_best_of_period
    from {{ relation }}
{%- endmacro %}


{# The attempts of one run, found by the order of the funnel, cut at the window, and
   judged by exclusions, entry mode and counting. An attempt belongs to the group of a
   value of step k where its window holds such an event of step k. #}
{% macro attempts_of_run(funnel, run, events, track, days, breakdown) -%}
    {%- set found = {
        'strict': strict_attempts, 'unordered': unordered_attempts
    }.get(funnel.step_order, tied_attempts if funnel.plan.reach else ordered_attempts) -%}
    {{ run }}_found as ({{ found(funnel, events, track, days) }}),

    {{ run }}_cut as (

        select
            {{ (track + person_columns(funnel)) | join(', ') }},
            step_1_at as entered_at,
            {{ local_time_of_funnel(funnel, 'step_1_at') }} as entered_local_at,
            {{ name_of_attempt(track) }} as attempt_name,
            {{ 'event_id,' if funnel.step_order != 'ordered' }}
            1
            {%- for step in funnel.plan.steps[1:] %}
            + case
                when step_{{ loop.index + 1 }}_at <= {{ end_of_window('step_1_at', funnel) }} then 1
                else 0
            end
            {%- endfor %} as reached_step,
            {{ list_of_columns(step_columns(funnel)) }} as moments,
            worth
        from {{ run }}_found

    ),

    {{ run }}_timed as (

        select
            *,
            {{ first_items('moments', 'reached_step') }} as step_times,
            {{ item_of('moments', 'reached_step') }} as last_step_at
        from {{ run }}_cut
        {%- if funnel.entry_mode == 'first' or tells_events_apart(funnel) %}
        qualify {{ is_one_of_its_instant(funnel, track) }}
        {%- endif %}

    ),

    {{ run }}_{{ 'standing' if funnel.counting == 'totals' else 'kept' }} as (

        select timed.*
        from {{ run }}_timed as timed
        {%- for exclusion in funnel.plan.exclusions %}
        {{ asof_left_join() }} (
            select
                {{ track | join(', ') }},
                occurred_at
            from {{ events }}
            where is_exclusion_{{ loop.index }}
        ) as exclusion_{{ loop.index }}
            on
                {{ same_track(track, 'timed', 'exclusion_' ~ loop.index) }}
                and {{ time_of_step(exclusion.from_step) }} < exclusion_{{ loop.index }}.occurred_at
        {%- endfor %}
        {%- if breakdown and breakdown.step %}
        {{ asof_left_join() }} (
            select
                {{ track | join(', ') }},
                occurred_at
            from {{ events }}
            where is_step_{{ breakdown.step }}
        ) as attributed
            on
                {{ same_track(track, 'timed', 'attributed') }}
                and timed.entered_at <= attributed.occurred_at
        {%- endif %}
        where
            {%- for exclusion in funnel.plan.exclusions %}
            coalesce(
                exclusion_{{ loop.index }}.occurred_at >= coalesce(
                    {{ time_of_step(exclusion.to_step) }},
                    {{ end_of_window('timed.entered_at', funnel) }}
                ),
                true
            )
            and
            {%- endfor %}
            {{ 'attributed.occurred_at <= ' ~ end_of_window('timed.entered_at', funnel)
                if breakdown and breakdown.step else 'true' }}

    )
    {%- if funnel.counting == 'totals' %},

    {{ separate_attempts(funnel, run, track) }}
    {%- endif %}
{%- endmacro %}


{# Entries of one unit at one instant are one attempt. #}
{% macro name_of_attempt(track) -%}
    {%- for column in track if column not in ('unit_key', 'breakdown_value') -%}
    {{ column }} || ' ' ||{{ ' ' }}
    {%- endfor -%}
    cast(step_1_at as {{ dbt.type_string() }})
{%- endmacro %}


{# The one that leads farthest, and there first; or the first entry of all. #}
{% macro is_one_of_its_instant(funnel, track) -%}
    {%- set listed = track | join(', ') -%}
    {%- set best = 'reached_step desc, ' ~ item_of('moments', 'reached_step')
        ~ (', event_id' if funnel.step_order != 'ordered' else ', worth desc') -%}
    {%- if funnel.entry_mode == 'first' -%}
    row_number() over (partition by {{ listed }} order by entered_at, {{ best }}) = 1
    {%- else -%}
    row_number() over (partition by {{ listed }}, entered_at order by {{ best }}) = 1
    {%- endif -%}
{%- endmacro %}


{% macro step_columns(funnel) -%}
    {%- set columns = [] -%}
    {%- for step in funnel.plan.steps -%}{%- do columns.append('step_' ~ loop.index ~ '_at') -%}{%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{% macro end_of_window(entered_at, funnel) -%}
    {{ entered_at }} + interval '{{ funnel.window_seconds }}' second
{%- endmacro %}


{# When an attempt reached a step, null where it did not. #}
{% macro time_of_step(step) -%}
    case when timed.reached_step >= {{ step }} then {{ item_of('timed.moments', step) }} end
{%- endmacro %}


{# Attempts that do not overlap, for counting totals: as many conversions as can lie one
   after another, and outside of them the other attempts, one after another in the order
   of entry. The next conversion after one is the first to end among those that begin
   later: ends rise with entries, so it is the next in order; of those with one end, the
   latest entry. #}
{% macro separate_attempts(funnel, run, track) -%}
    {%- set listed = track | join(', ') -%}
    {{ run }}_conversions as (

        select *
        from {{ run }}_standing
        where reached_step = {{ funnel.step_count }}
        qualify row_number() over (
            partition by {{ listed }}, last_step_at order by entered_at desc, attempt_name
        ) = 1

    ),

    {{ run }}_separate_conversions as ({{ one_after_another(run ~ '_conversions', track) }}),

    {{ run }}_failures as (

        select standing.*
        from {{ run }}_standing as standing
        left join {{ run }}_separate_conversions as converted
            on
                {{ same_track(track, 'standing', 'converted') }}
                and standing.entered_at <= converted.last_step_at
                and standing.last_step_at >= converted.entered_at
        where
            converted.attempt_name is null
            and standing.reached_step < {{ funnel.step_count }}

    ),

    {{ run }}_kept as (

        select * from {{ run }}_separate_conversions
        union all
        select * from ({{ one_after_another(run ~ '_failures', track) }}) as failures

    )
{%- endmacro %}


{% macro same_columns(relation, columns) -%}
    {%- for column in columns -%}
    {{ relation }}.{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# From the first attempt of each track to the next that begins after it has ended, and
   so on. #}
{% macro one_after_another(relation, track) -%}
    with recursive linked as (

        select
            here.*,
            later.attempt_name as next_attempt_name,
            row_number() over (
                partition by {{ same_columns('here', track) }} order by here.entered_at, here.attempt_name
            ) as attempt_order
        from {{ relation }} as here
        {{ asof_left_join() }} {{ relation }} as later
            on
                {{ same_track(track, 'here', 'later') }}
                and here.last_step_at < later.entered_at

    ),

    chain as (

        select {{ same_columns('linked', track) }}, attempt_name, next_attempt_name
        from linked
        where attempt_order = 1
        union all
        select {{ same_columns('linked', track) }}, linked.attempt_name, linked.next_attempt_name
        from chain
        inner join linked
            on
                {{ same_track(track, 'chain', 'linked') }}
                and chain.next_attempt_name = linked.attempt_name

    )

    select attempts.*
    from {{ relation }} as attempts
    inner join chain
        on
            {{ same_track(track, 'attempts', 'chain') }}
            and attempts.attempt_name = chain.attempt_name
{%- endmacro %}


{# Which attempt speaks for a unit: the one that came farthest; of these the one that
   was there first, from the latest entry. The best of a week is the best of its days. #}
{% macro best_attempt_first(relation='', name='attempt_id') -%}
    {{ relation }}reached_step desc, {{ relation }}last_step_at, {{ relation }}entered_at desc, {{ relation }}{{ name }}
{%- endmacro %}


{% macro no_attempts() -%}
    select
        cast(null as {{ dbt.type_string() }}) as funnel_name,
        cast(null as {{ dbt.type_string() }}) as breakdown,
        cast(null as {{ dbt.type_string() }}) as breakdown_value,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as person_id,
        cast(null as {{ dbt.type_string() }}) as attempt_id,
        cast(null as timestamp) as entered_at,
        cast(null as timestamp) as entered_local_at,
        cast(null as integer) as reached_step,
        {{ empty_list_of_timestamps() }} as step_times,
        cast(null as timestamp) as last_step_at,
        cast(null as decimal(18, 6)) as worth,
        cast(null as boolean) as is_best_of_period,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as entry_date,
        cast(null as {{ dbt.type_string() }}) as built_through_load_id
    where false
{%- endmacro %}

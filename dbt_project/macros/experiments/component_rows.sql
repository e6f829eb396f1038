{# Amounts by unit and moment: what experiments count. #}

{# The local days that a run reads of each stream: `all` where it is new, else those that
   changed, and where a conversion's base event may lie before it the days of the window
   after them. An attempt at a funnel reaches forward by rules of its own, and whether a
   value was seen before hangs on all earlier days: all later days.
   A stream without such a day is left out. #}
{% macro component_days(known_declarations, mark) %}
    {% if not execute %}{{ return({}) }}{% endif %}
    {% set changed = changed_dates(changed_local_days_since(mark), 'activity_date') if known_declarations else [] %}
    {% set days = {} %}
    {% for component in declared_components() %}
        {% set id = component.component_id %}
        {% if known_declarations.get(id) != component.declaration
            or (changed and component.uses_person_properties) %}
            {% do days.update({id: 'all'}) %}
        {% elif changed %}
            {% set after = (component.window_seconds or 0) // 86400 + 1 if component.base_filter_sql else 0 %}
            {% set within = [] %}
            {% for day in days_around(changed, 0, after) if lies_in_stream(component, day) %}
                {% do within.append(day) %}
            {% endfor %}
            {% if within %}
                {% do days.update({id: ['from', within[0]] if component.component_kind in ('funnel', 'values') else within}) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {{ return(days) }}
{% endmacro %}


{% macro lies_in_stream(component, day) %}
    {{ return(
        (component.first_date is none or day >= component.first_date | string)
        and (component.last_date is none or day <= component.last_date | string)
    ) }}
{% endmacro %}


{# The condition that a local day is one of those computed. #}
{% macro is_day_of(column, component, days) -%}
    {%- set conditions = [] -%}
    {%- if component.first_date is not none -%}
        {%- do conditions.append(column ~ " >= date '" ~ component.first_date ~ "'") -%}
    {%- endif -%}
    {%- if component.last_date is not none -%}
        {%- do conditions.append(column ~ " <= date '" ~ component.last_date ~ "'") -%}
    {%- endif -%}
    {%- if days is string -%}
    {%- elif days[0] == 'from' -%}
        {%- do conditions.append(column ~ " >= date '" ~ days[1] ~ "'") -%}
    {%- else -%}
        {%- do conditions.append(column ~ ' in (' ~ date_literals(days) ~ ')') -%}
    {%- endif -%}
    {{ conditions | join(' and ') or 'true' }}
{%- endmacro %}


{# The UTC days that hold these local days, and some days before. #}
{% macro is_utc_day_of(component, days, before=0) -%}
    {%- set one = modules.datetime.timedelta(days=1) -%}
    {%- set conditions = [] -%}
    {%- if component.first_date is not none -%}
        {%- do conditions.append("event_date >= date '" ~ component.first_date ~ "' - " ~ (before + 1)) -%}
    {%- endif -%}
    {%- if component.last_date is not none -%}
        {%- do conditions.append("event_date <= date '" ~ component.last_date ~ "' + 1") -%}
    {%- endif -%}
    {%- if days is string -%}
    {%- elif days[0] == 'from' -%}
        {%- do conditions.append("event_date >= date '" ~ days[1] ~ "' - " ~ (before + 1)) -%}
    {%- else -%}
        {%- do conditions.append('event_date in (' ~ date_literals(days_around(days, before + 1, 1)) ~ ')') -%}
    {%- endif -%}
    {{ conditions | join(' and ') or 'true' }}
{%- endmacro %}


{# Streams of plain events that read the same units over the same days share one scan:
   [{components, days}]. #}
{% macro shared_scans(days) %}
    {% set groups = {} %}
    {% for component in declared_components()
        if component.component_kind == 'events' and component.component_id in days %}
        {% set read = days[component.component_id] %}
        {% set key = [
            component.unit_sql, component.uses_person_properties,
            component.first_date, component.last_date, read
        ] | string %}
        {% if key not in groups %}{% do groups.update({key: {'components': [], 'days': read}}) %}{% endif %}
        {% do groups[key].components.append(component) %}
    {% endfor %}
    {{ return(groups.values() | list) }}
{% endmacro %}


{# The unit of an event, and the number for it: events have that of their person. #}
{% macro unit_of(part) -%}
    cast({{ part.unit_sql }} as {{ dbt.type_string() }}) as unit_id,
    {{ 'person_key' if part.unit_sql == 'person_id' else person_key('cast(' ~ part.unit_sql ~ ' as ' ~ dbt.type_string() ~ ')') }} as unit_key
{%- endmacro %}


{# What each stream of a scan measures on an event: null where it is no event of it. #}
{% macro measured_events(scan) -%}
    {%- set first = scan.components[0] -%}
    {%- set filters = [] -%}
    {%- for component in scan.components -%}{%- do filters.append('(' ~ component.filter_sql ~ ')') -%}{%- endfor -%}
    select
        {{ unit_of(first) }},
        cast({{ to_local_time('occurred_at') }} as date) as activity_date,
        occurred_at
        {%- for component in scan.components %},
        case
            when ({{ component.filter_sql }}) {{ traffic_of(component) }}
                then cast({{ component.value_sql or '1' }} as decimal(18, 6))
        end as amount_{{ loop.index }}
        {%- endfor %}
    from {{ events_with(first) }}
    where
        ({{ filters | join(' or ') }})
        and {{ is_utc_day_of(first, scan.days) }}
{%- endmacro %}


{% macro amounts_of_scan(scan, name) -%}
    {% for component in scan.components -%}
    select
        '{{ component.component_id }}' as component_id,
        unit_id,
        unit_key,
        activity_date,
        occurred_at,
        occurred_at as since_at,
        cast(null as timestamp) as previous_at,
        amount_{{ loop.index }} as amount,
        cast(null as {{ dbt.type_string() }}) as told_apart,
        '{{ component.declaration }}' as declaration
    from {{ name }}
    where
        amount_{{ loop.index }} is not null
        and unit_id is not null
        and {{ is_day_of('activity_date', component, scan.days) }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{# Values of an expression that are told apart, each with the time at which the unit had
   the same value before: it is a new one to whoever counts from later than that. Those
   of the days before the ones read stand in the model's own table. #}
{% macro values_of_component(component, days) -%}
    select
        '{{ component.component_id }}' as component_id,
        unit_id,
        unit_key,
        activity_date,
        occurred_at,
        occurred_at as since_at,
        previous_at,
        cast(1 as decimal(18, 6)) as amount,
        told_apart,
        '{{ component.declaration }}' as declaration
    from (
        select
            unit_id,
            unit_key,
            activity_date,
            occurred_at,
            told_apart,
            lag(occurred_at) over (
                partition by unit_key, told_apart order by occurred_at, event_id
            ) as previous_at
        from (
            select
                {{ unit_of(component) }},
                cast({{ to_local_time('occurred_at') }} as date) as activity_date,
                occurred_at,
                event_id,
                cast({{ component.value_sql }} as {{ dbt.type_string() }}) as told_apart
            from {{ events_with(component) }}
            where
                ({{ component.filter_sql }})
                {{ traffic_of(component) }}
                and {{ is_utc_day_of(component, days) }}
                and {{ is_day_of('cast(' ~ to_local_time('occurred_at') ~ ' as date)', component, days) }}
            {% if days != 'all' -%}
            union all
            select
                unit_id,
                unit_key,
                activity_date,
                occurred_at,
                '' as event_id,
                told_apart
            from {{ this }}
            where
                component_id = '{{ component.component_id }}'
                and activity_date < date '{{ days[1] }}'
            {%- endif %}
        ) as seen
        where
            unit_id is not null
            and told_apart is not null
    ) as in_time
    where {{ is_day_of('activity_date', component, days) }}
{%- endmacro %}


{# Conversions, each with the latest base event of the unit before or with it, within the
   window: it counts for whoever was exposed before that base event. A base event has one
   time, that of the first conversion credited to it: its seconds, or 1 to count it. #}
{% macro conversions_of_component(component, days) -%}
    {%- set before = (component.window_seconds | int) // 86400 + 1 -%}
    {%- set amount = seconds_between('base_at', 'occurred_at')
        if component.component_kind == 'time_to' else '1' -%}
    select
        '{{ component.component_id }}' as component_id,
        unit_id,
        unit_key,
        activity_date,
        occurred_at,
        base_at as since_at,
        cast(null as timestamp) as previous_at,
        cast({{ amount }} as decimal(18, 6)) as amount,
        cast(null as {{ dbt.type_string() }}) as told_apart,
        '{{ component.declaration }}' as declaration
    from (
        select
            *,
            cast({{ to_local_time('occurred_at') }} as date) as activity_date
            {%- if component.component_kind != 'conversion' %},
            row_number() over (
                partition by unit_key, base_at order by occurred_at, event_id
            ) as place
            {%- endif %}
        from ({{ conversions_and_bases(component, days, before) }}) as both_kinds
        where is_conversion = 1
    ) as matched
    where
        occurred_at - base_at < interval '{{ component.window_seconds }}' second
        and {{ is_day_of('activity_date', component, days) }}
        {% if component.component_kind != 'conversion' -%}
        and place = 1
        {%- endif %}
{%- endmacro %}


{# Events of both kinds, each with the time of the latest base event so far. #}
{% macro conversions_and_bases(component, days, before) -%}
    select
        unit_id,
        unit_key,
        occurred_at,
        event_id,
        is_conversion,
        last_value(base_at ignore nulls) over (
            partition by unit_key
            order by occurred_at, is_conversion, event_id
            rows between unbounded preceding and current row
        ) as base_at
    from (
        {% for filter in [component.base_filter_sql, component.filter_sql] -%}
        select
            {{ unit_of(component) }},
            occurred_at,
            event_id,
            {{ loop.index0 }} as is_conversion,
            {{ 'occurred_at' if loop.first else 'cast(null as timestamp)' }} as base_at
        from {{ events_with(component) }}
        where
            ({{ filter }})
            {{ traffic_of(component) }}
            and {{ is_utc_day_of(component, days, before) }}
        {{ 'union all' if not loop.last }}
        {% endfor -%}
    ) as seen
    where unit_id is not null
{%- endmacro %}


{# Attempts at a funnel that were completed. #}
{% macro attempts_of_component(component, days) -%}
    select
        '{{ component.component_id }}' as component_id,
        attempts.unit_id,
        {{ person_key('attempts.unit_id') }} as unit_key,
        cast({{ to_local_time('attempts.last_step_at') }} as date) as activity_date,
        attempts.last_step_at as occurred_at,
        attempts.entered_at as since_at,
        cast(null as timestamp) as previous_at,
        cast(1 as decimal(18, 6)) as amount,
        cast(null as {{ dbt.type_string() }}) as told_apart,
        '{{ component.declaration }}' as declaration
    from {{ ref('int_funnel_attempts') }} as attempts
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on
            attempts.funnel_name = funnels.funnel_name
            and attempts.reached_step = funnels.step_count
    where
        attempts.funnel_name = '{{ component.funnel_name }}'
        and attempts.breakdown = 'all'
        and {{ is_day_of('cast(' ~ to_local_time('attempts.last_step_at') ~ ' as date)', component, days) }}
{%- endmacro %}


{% macro no_amounts() -%}
    select
        cast(null as {{ dbt.type_string() }}) as component_id,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as bigint) as unit_key,
        cast(null as date) as activity_date,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as since_at,
        cast(null as timestamp) as previous_at,
        cast(null as decimal(18, 6)) as amount,
        cast(null as {{ dbt.type_string() }}) as told_apart,
        cast(null as {{ dbt.type_string() }}) as declaration
    where false
{%- endmacro %}


{# Incremental strategy: the days just read of a stream make way for its new rows; rows of
   a stream that nobody reads any more go. #}
{% macro get_incremental_replace_components_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set known = declarations_by('component_id', target) %}
    {% set days = component_days(known, high_water_mark('built_through_load_id')) %}
    {% set declared = declared_components() | map(attribute='component_id') | list %}

    {% set gone = known.keys() | reject('in', declared) | list %}
    {% set firsts = [] %}
    {% for read in days.values() %}
        {% do firsts.append('' if read is string else read[1] if read[0] == 'from' else read[0]) %}
    {% endfor %}

    delete from {{ target }}
    where
        {{ 'component_id in ' ~ sql_list(gone) if gone else 'false' }}
        or (
            -- Of all days at once, so that an engine skips what lies before them.
            {{ "activity_date >= date '" ~ firsts | min ~ "'" if firsts | min else 'true' }}
            and (
                false
                {% for component in declared_components() if component.component_id in days %}
                or (
                    component_id = '{{ component.component_id }}'
                    and {{ is_day_of('activity_date', component, days[component.component_id]) }}
                )
                {% endfor %}
            )
        );

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}

with role_events as (

    select
        events.*,
        watermark.watermark_at,
        {{ to_local_time('events.occurred_at') }} as local_at,
        migrations.periods,
        coalesce(migrations.answer_seconds, 0) as answer_seconds
    from {{ ref('int_role_events') }} as events
    cross join {{ ref('int_watermark') }} as watermark
    inner join {{ ref('stg_catalog_role_migrations') }} as migrations
        on events.migration_name = migrations.migration_name
    where events.occurred_at < watermark.watermark_at

),

first_answers as (

    select
        moves.migration_name,
        moves.event_id,
        min_by(answers.answer, {{ in_total_order('answers.occurred_at', 'answers.event_id') }})
            as answer
    from role_events as moves
    inner join role_events as answers
        on
            moves.migration_name = answers.migration_name
            and moves.person_id = answers.person_id
            and answers.is_answer
            and moves.occurred_at <= answers.occurred_at
            and moves.occurred_at + moves.answer_seconds * interval '1' second
            > answers.occurred_at
    where moves.is_move
    group by moves.migration_name, moves.event_id

),

moves as (

    select
        role_events.*,
        first_answers.answer as satisfaction
    from role_events
    left join first_answers
        on
            role_events.migration_name = first_answers.migration_name
            and role_events.event_id = first_answers.event_id
    where role_events.is_move

),

placed as (

    {% for period in ['day', 'week', 'month'] %}
    {% set start = week_start_of('local_at') if period == 'week' else "date_trunc('" ~ period ~ "', local_at)" %}
    select
        *,
        '{{ period }}' as period,
        {{ start }} as period_start
    from moves
    where periods like '%"{{ period }}"%'
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

counted as (

    select
        migration_name,
        period,
        period_start,
        from_role,
        to_role,
        count(*) as migration_count,
        count(distinct person_id) as person_count,
        count(case when has_succeeded then 1 end) as success_count,
        count(case when has_succeeded then 1 end)
        / cast(nullif(count(has_succeeded), 0) as double) as success_rate,
        cast(sum(adaptation_days) as double) / nullif(count(adaptation_days), 0)
            as mean_adaptation_days,
        median(cast(adaptation_days as double)) as median_adaptation_days,
        count(satisfaction) as satisfaction_count,
        cast(sum(satisfaction) as double) / nullif(count(satisfaction), 0)
            as mean_satisfaction,
        {{ to_utc_time(periods_after('period_start', 1, 'period')) }}
        + max(answer_seconds) * interval '1' second <= max(watermark_at) as is_mature
    from placed
    group by migration_name, period, period_start, from_role, to_role

),

final as (

    select
        migration_name,
        period,
        period_start,
        from_role,
        to_role,
        migration_count,
        person_count,
        success_count,
        success_rate,
        mean_adaptation_days,
        median_adaptation_days,
        satisfaction_count,
        case when is_mature then mean_satisfaction end as mean_satisfaction,
        is_mature
    from counted

)

select * from final

-- The instant up to which data is taken as complete: the run's as-of, else the end of
-- the hour of the newest event.
with newest_event as (

    select max(occurred_at) as occurred_at
    from {{ ref('int_events') }}

),

chosen as (

    select
        {% if setting('as_of') %}
        cast('{{ setting("as_of") }}' as timestamp) as watermark_at
        {% else %}
        date_trunc('hour', occurred_at) + interval '1' hour as watermark_at
        {% endif %}
    from newest_event

),

final as (

    select
        watermark_at,
        {{ to_local_time('watermark_at') }} as watermark_local_at
    from chosen

)

select * from final

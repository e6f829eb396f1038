-- A product may land subscriptions without events: then the newest snapshot tells how far
-- the figures reach.
with newest_snapshot as (

    select max(recorded_at) as recorded_at
    from {{ ref('stg_subscription_changes') }}

),

final as (

    select
        coalesce(watermark.watermark_at, newest_snapshot.recorded_at) as watermark_at,
        {{ to_local_time('coalesce(watermark.watermark_at, newest_snapshot.recorded_at)') }}
            as watermark_local_at
    from {{ ref('int_watermark') }} as watermark
    cross join newest_snapshot

)

select * from final

with conversions as (

    select
        attribution_name,
        conversion_date,
        conversion_id,
        max(amount) as amount,
        max(touch_count) as touch_count,
        {{ text_in_order("case when is_in_path then channel end", "' > '", 'touch_number') }}
            as channels,
        count(case when is_in_path then 1 end) as path_length,
        {{ seconds_between('min(touched_at)', 'max(converted_at)') }} as seconds
    from {{ ref('int_attribution_touches') }}
    group by attribution_name, conversion_date, conversion_id

),

final as (

    select
        conversions.attribution_name,
        conversions.conversion_date,
        coalesce(conversions.channels, '(none)') as path,
        cast(conversions.path_length as bigint) as path_length,
        cast(conversions.conversion_date as timestamp) + interval '1' day
        <= watermark.watermark_local_at as is_complete,
        count(*) as conversion_count,
        cast(sum(conversions.amount) as decimal(38, 6)) as amount,
        cast(sum(conversions.touch_count) as bigint) as touch_count,
        cast(sum(cast(conversions.seconds as decimal(18, 6))) as decimal(38, 6))
            as seconds_to_convert,
        cast(sum(cast(conversions.seconds as decimal(18, 6))) as double) / count(*) / 86400
            as mean_days_to_convert
    from conversions
    cross join {{ ref('int_watermark') }} as watermark
    group by
        conversions.attribution_name,
        conversions.conversion_date,
        conversions.channels,
        conversions.path_length,
        watermark.watermark_local_at

)

select * from final

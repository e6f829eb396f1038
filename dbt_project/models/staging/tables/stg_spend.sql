with source as (

    select * from {{ source('raw', 'spend') }}

),

renamed as (

    select
        spend_date,
        updated_at,
        utm_source,
        utm_medium,
        utm_campaign,
        ad_group,
        ad,
        country,
        platform,
        amount,
        currency,
        impressions as impression_count,
        clicks as click_count,
        extra,
        source,
        file,
        line_number,
        -- The partition, as in stg_events: it lets a night skip older loads unread.
        load as load_id
    from source

),

newest as (

    select * from renamed
    qualify {{ newest_copy(
        [
            'source', 'spend_date', 'utm_source', 'utm_medium', 'utm_campaign',
            'ad_group', 'ad', 'country', 'platform', 'currency',
        ],
        'updated_at'
    ) }}

)

select * from newest

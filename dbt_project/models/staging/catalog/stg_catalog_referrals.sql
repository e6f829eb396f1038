with source as (

    select * from {{ source('raw', 'catalog_referrals') }}

),

renamed as (

    select
        referral_name,
        label,
        description,
        owner,
        credit,
        invite_within_seconds,
        accept_within_seconds,
        periods,
        range_from,
        range_to,
        has_range,
        definition
    from source

)

select * from renamed

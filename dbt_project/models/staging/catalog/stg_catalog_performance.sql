with source as (

    select * from {{ source('raw', 'catalog_performance') }}

),

renamed as (

    select
        measure_name,
        label,
        description,
        owner,
        unit,
        outcome_seconds,
        mean_threshold,
        p50_threshold,
        p95_threshold,
        p99_threshold,
        slow_share_threshold,
        failure_rate_threshold,
        uptime_rate_threshold,
        outcome_rate_threshold,
        definition
    from source

)

select * from renamed

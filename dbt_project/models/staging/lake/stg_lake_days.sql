-- Before any rule: stg_events leaves out what came too late.
with source as (

    select * from {{ source('raw', 'events') }}

),

counted as (

    select
        load as load_id,
        date as event_date,
        count(*) as row_count
    from source
    group by load, date

)

select * from counted

with changes as (

    select * from {{ ref('stg_subscription_changes') }}

),

newest as (

    select * from changes
    qualify {{ newest_copy(['subscription_id'], 'recorded_at') }}

)

select * from newest

-- What units were assigned beside what they saw first. Where Daybreak assigns, the variant
-- is computed again; where a service landed assignments, they are read. Of a person with
-- several ids that may have been asked for, one that agrees is enough.
with exposed as (

    {{ units_to_verify() }}

),

-- The id of a person may be that of its device: a service knew any of the others.
ids as (

    select
        exposed.*,
        coalesce(identities.identity, exposed.unit_id) as assigned_id,
        case
            when identities.is_user and identities.first_seen_at <= exposed.exposed_at then 0
            else 1
        end as is_unknown_user
    from exposed
    left join {{ ref('int_identities') }} as identities
        on
            exposed.unit_id = identities.person_id
            and exposed.unit = 'person'

),

-- The function is asked for the user; for other ids only while nobody knew the user.
asked as (

    select *
    from ids
    where is_computed
    qualify is_unknown_user = min(is_unknown_user) over (partition by experiment_name, unit_id)

),

computed as (

    select
        asked.*,
        assigned.assigned_variant,
        row_number() over (
            partition by asked.experiment_name, asked.unit_id
            order by
                case when assigned.assigned_variant = asked.variant then 0 else 1 end,
                asked.assigned_id
        ) as place
    from asked
    inner join ({{ assigned_units(
        '(select experiment_name, assigned_id as unit_id from asked)',
        ref('stg_catalog_experiments'),
        ref('stg_catalog_experiment_variants'),
        in_their_own=true
    ) }}) as assigned
        on
            asked.experiment_name = assigned.experiment_name
            and asked.assigned_id = assigned.unit_id

),

-- The assignment that held at the exposure; a service may also land it a moment late.
landed as (

    {{ assignments_that_held('ids') }}

),

compared as (

    select
        experiment_name,
        'daybreak' as assignment_source,
        assigned_variant,
        variant as exposed_variant,
        exposure_date
    from computed
    where place = 1
    union all
    select
        exposed.experiment_name,
        'service' as assignment_source,
        coalesce(landed.assigned_variant, '(none)') as assigned_variant,
        exposed.variant as exposed_variant,
        exposed.exposure_date
    from exposed
    left join (
        select * from landed
        where place = 1
    ) as landed
        on
            exposed.experiment_name = landed.experiment_name
            and exposed.unit_id = landed.unit_id
    where exposed.is_landed

),

final as (

    select
        experiment_name,
        assignment_source,
        assigned_variant,
        exposed_variant,
        count(*) as unit_count,
        cast(
            1.0 * count(*) / sum(count(*)) over (
                partition by experiment_name, assignment_source
            ) as double
        ) as unit_share,
        case
            when assignment_source = 'daybreak' or assigned_variant <> '(none)'
                then assigned_variant = exposed_variant
        end as is_as_assigned,
        min(exposure_date) as first_exposure_date,
        max(exposure_date) as last_exposure_date
    from compared
    group by experiment_name, assignment_source, assigned_variant, exposed_variant

)

select * from final

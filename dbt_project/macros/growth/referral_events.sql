{# The events of one way of inviting persons, each with what it is to it. #}

{% macro declared_referrals() %}
    {{ return(compiled_definitions('catalog_referrals', 'referral_name', ['event_rules_hash'])) }}
{% endmacro %}


{% macro parts_of_referral(referral) %}
    {{ return({
        'filters': {
            'is_sign_up': referral.sign_up_filter_sql,
            'is_invite': referral.invite_filter_sql,
            'is_acceptance': referral.accepted_filter_sql,
            'is_reward': referral.reward_filter_sql,
        },
        'told': {
            'invitee_identity': [referral.invitee_sql, dbt.type_string()],
            'invite_key': [referral.key_sql, dbt.type_string()],
            'reward_amount': [referral.reward_sql, 'decimal(18, 6)'],
        },
    }) }}
{% endmacro %}

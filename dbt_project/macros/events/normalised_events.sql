{# Landed copies of events, made comparable: browser, system and device from the user
   agent where the client sent none, ISO codes of country and region, revenue in the
   reporting currency. What was sent stays as `sent_revenue` and `sent_currency`; a
   known crawler is marked. The relation has the columns of landed_event_columns(), the
   result those of normalised_event_columns(). #}
{% macro normalised_events(relation) %}
    select
        {% for column in landed_event_columns() if column not in normalised_columns() %}
        events.{{ column }},
        {% endfor %}
        {% for column, expression in normalised_columns().items() %}
        {{ expression }} as {{ column }},
        {% endfor %}
        events.revenue as sent_revenue,
        events.currency as sent_currency,
        coalesce(user_agents.is_known_crawler, false) as is_known_crawler
    from (
        select
            *,
            {{ setting('user_agent_sql') }} as user_agent,
            lower(trim(country)) as country_spelling,
            lower(trim(region)) as region_spelling,
            upper(trim(currency)) as currency_code
        from {{ relation }}
    ) as events
    left join {{ ref('stg_user_agents') }} as user_agents
        on events.user_agent = user_agents.user_agent
    left join {{ ref('stg_countries') }} as countries
        on events.country_spelling = countries.spelling
    left join {{ ref('stg_regions') }} as regions
        on
            countries.country_code = regions.country_code
            and events.region_spelling = regions.spelling
    left join {{ ref('int_exchange_rate_days') }} as rates
        on
            events.currency_code = rates.currency
            and events.event_date = rates.rate_date
{% endmacro %}


{# The columns that normalising changes, each with its expression. #}
{% macro normalised_columns() %}
    {{ return({
        'country': 'coalesce(countries.country_code, events.country)',
        'region': 'coalesce(regions.region_code, events.region)',
        'device_type': 'coalesce(events.device_type, user_agents.device_type)',
        'os': 'coalesce(events.os, user_agents.os)',
        'browser': 'coalesce(events.browser, user_agents.browser)',
        'revenue': in_reporting_currency('events.revenue', 'events.currency_code', 'rates.rate'),
        'currency': currency_reported('events.currency', 'events.currency_code', 'rates.rate')
    }) }}
{% endmacro %}

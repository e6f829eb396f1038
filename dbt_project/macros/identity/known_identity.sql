{# An id as it stands for somebody: null for what clients send when they know nobody,
   e-mail addresses in lower case, opaque ids as they are. #}
{% macro known_identity(column) -%}
    case
        when lower(trim({{ column }})) in {{ sql_list(fromjson(setting('junk_ids'))) }} then null
        when {{ column }} like '%@%' then lower({{ column }})
        else {{ column }}
    end
{%- endmacro %}


{# The id by which an event's person is looked up: the user where one is known, or the
   device first where every event of a device belongs to its last user. #}
{% macro looked_up_identity(relation) -%}
    {%- if setting('stitching') == 'last_user_of_device' -%}
        coalesce({{ relation }}.anonymous_id, {{ relation }}.user_id)
    {%- else -%}
        coalesce({{ relation }}.user_id, {{ relation }}.anonymous_id)
    {%- endif -%}
{%- endmacro %}

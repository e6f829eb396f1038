{# The default channel group of Google Analytics 4, from the campaign and the referrer of
   a session: https://support.google.com/analytics/answer/9756891. First rule that fits.

   What differs: the lists of sites are the large ones of each kind, not the vendor's
   eight hundred; channels that only an advertising account can tell (Cross-network,
   Display & Video) come from the medium and the campaign alone. #}
{% macro channel_group(source, medium, campaign, referrer) -%}
    {%- set host = "lower(regexp_extract(" ~ referrer ~ ", '^[a-zA-Z-]*:?//([^/?#:]+)', 1))" -%}
    {%- set site = "coalesce(lower(" ~ source ~ "), nullif(" ~ host ~ ", ''), '')" -%}
    {%- set medium = "coalesce(lower(" ~ medium ~ "), '')" -%}
    {%- set campaign = "coalesce(lower(" ~ campaign ~ "), '')" -%}
    {%- set search = "(^|[.])(google|bing|yahoo|duckduckgo|ecosia|baidu|yandex|qwant|startpage|naver|seznam)([.]|$)" -%}
    {%- set social = "(^|[.])(facebook|fb|instagram|ig|twitter|x|t|linkedin|lnkd|pinterest|reddit|tiktok|threads|whatsapp|snapchat|vk|weibo|quora|tumblr)([.]|$)" -%}
    {%- set video = "(^|[.])(youtube|youtu|vimeo|twitch|dailymotion|netflix|hulu|disneyplus)([.]|$)" -%}
    {%- set shopping = "(^|[.])(amazon|ebay|etsy|walmart|alibaba|aliexpress|shopify|shopzilla)([.]|$)" -%}
    {%- set assistant = "(^|[.])(chatgpt|openai|perplexity|claude|gemini|copilot)([.]|$)" -%}
    {%- set paid = medium_is("^(.*cp.*|ppc|retargeting|paid.*)$", medium) -%}
    case
        when {{ site }} in ('', '(direct)', 'direct') and {{ medium }} in ('', '(none)', '(not set)')
            and {{ campaign }} = '' then 'Direct'
        when {{ campaign }} like '%cross-network%' then 'Cross-network'
        when {{ paid }} and ({{ medium_is(shopping, site) }} or {{ medium_is("(^|[^a-df-z])shop", campaign) }}) then 'Paid Shopping'
        when {{ paid }} and {{ medium_is(search, site) }} then 'Paid Search'
        when {{ paid }} and {{ medium_is(social, site) }} then 'Paid Social'
        when {{ paid }} and {{ medium_is(video, site) }} then 'Paid Video'
        when {{ medium }} in ('display', 'banner', 'expandable', 'interstitial', 'cpm') then 'Display'
        when {{ paid }} then 'Paid Other'
        when {{ medium_is(shopping, site) }} or {{ medium_is("(^|[^a-df-z])shop", campaign) }} then 'Organic Shopping'
        when {{ medium_is(social, site) }} or {{ medium }} in ('social', 'social-network', 'social-media', 'sm', 'social network', 'social media') then 'Organic Social'
        when {{ medium_is(video, site) }} or {{ medium_is("video", medium) }} then 'Organic Video'
        when {{ medium_is("^e[-_ ]?mail$", site) }} or {{ medium_is("^e[-_ ]?mail$", medium) }} then 'Email'
        when {{ medium }} in ('affiliate', 'affiliates') then 'Affiliates'
        when {{ medium }} = 'audio' then 'Audio'
        when {{ site }} = 'sms' or {{ medium }} = 'sms' then 'SMS'
        when {{ medium_is("(push$|mobile|notification)", medium) }} or {{ site }} = 'firebase' then 'Mobile Push Notifications'
        when {{ medium_is(assistant, site) }} then 'AI Assistant'
        when {{ medium_is(search, site) }} or {{ medium }} = 'organic' then 'Organic Search'
        when {{ medium }} in ('referral', 'app', 'link', '') and {{ site }} <> '' then 'Referral'
        else 'Unassigned'
    end
{%- endmacro %}


{# Whether a text holds a match of a regular expression, on every engine. #}
{% macro medium_is(pattern, value) -%}
    (regexp_replace({{ value }}, '{{ pattern }}', '') <> {{ value }})
{%- endmacro %}

drop function channel_by_webhook_key(text);
drop function channels_of_network(text, integer);
drop function channels_by_account_id(text, text[]);
drop function channels_by_external_id(text, text[]);
drop table templates, channel_lanes, channels;

alter table deal_stage_changes alter column seconds_in_stage type bigint using floor(seconds_in_stage)::bigint;

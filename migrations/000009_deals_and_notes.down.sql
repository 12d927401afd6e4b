drop table notes, deal_conversations, deals, pipeline_stages;

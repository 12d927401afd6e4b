drop function channels_with_due_templates(integer);

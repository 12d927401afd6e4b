alter table contacts drop column told;
alter table templates drop column told;
alter table channels drop column templates_due_at;
alter table channels drop column told;

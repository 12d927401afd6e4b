drop function customers_with_email(text);
drop index customers_by_email, customers_by_phone;
drop function due_imports(integer);
drop table import_errors;
drop table imports;

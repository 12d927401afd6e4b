drop index customers_newest, customers_by_update, customers_by_name, customers_by_owner, customers_by_status;
drop table customer_tags, tags;

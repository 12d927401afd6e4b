drop table consents, contact_identities, contacts, customers;

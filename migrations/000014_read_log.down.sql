drop function read_log(uuid, bigint, bigint, integer, bigint);

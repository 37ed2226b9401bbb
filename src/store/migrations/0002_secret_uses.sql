-- When an API Secret was used last, so that an operator knows when an old one may be dropped.
-- statement
ALTER TABLE secrets ADD COLUMN last_used_at BIGINT

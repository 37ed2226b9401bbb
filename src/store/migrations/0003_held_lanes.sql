-- Lanes whose destination is full or left alone are held (1): out of the way of claims until they
-- are called (2), or due again by themselves. A claim makes it 0.
-- statement
ALTER TABLE lanes ADD COLUMN held BIGINT NOT NULL DEFAULT 0
-- statement
CREATE INDEX lanes_held ON lanes (tenant_id, origin, due_at) WHERE held = 1

-- What the rotation of secrets and keys needs: when an API Secret was used last, so that an operator
-- knows when an old one may be dropped; and what an old key had signed with, so that the key itself
-- may be.
-- statement
ALTER TABLE secrets ADD COLUMN last_used_at BIGINT
-- statement
CREATE TABLE old_keys (
    id TEXT PRIMARY KEY,
    sealed_signers {blob} NOT NULL
)

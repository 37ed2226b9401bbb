-- What belongs to an order is written with its row, in one statement or one transaction, and no order
-- is ever deleted. To ask again for each such row whether its order is there, for which PostgreSQL
-- locks the order's row, makes the statements of a placing a tenth slower. SQLite asks for next to
-- nothing.
-- statement for PostgreSQL
ALTER TABLE order_references DROP CONSTRAINT order_references_order_id_fkey
-- statement for PostgreSQL
ALTER TABLE history DROP CONSTRAINT history_order_id_fkey
-- statement for PostgreSQL
ALTER TABLE calls DROP CONSTRAINT calls_order_id_fkey
-- statement for PostgreSQL
ALTER TABLE contacts DROP CONSTRAINT contacts_order_id_fkey
-- statement for PostgreSQL
ALTER TABLE lanes DROP CONSTRAINT lanes_order_id_fkey
-- statement for PostgreSQL
ALTER TABLE deliveries DROP CONSTRAINT deliveries_order_id_fkey
-- statement for PostgreSQL
ALTER TABLE attempts DROP CONSTRAINT attempts_order_id_fkey

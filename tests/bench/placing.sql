-- What PostgreSQL does for one order that its vendor takes at once, for pgbench: the two statements of
-- Store::insert_order and Store::save_order, as src/store/batch.rs joins them.
\set number random(1, 4000000000000000000)
\set now 1800000000000

WITH p0 AS (INSERT INTO orders (id, tenant_id, background_check_id, tracking_id, connection_id, package_id,
    vendor_package, vendor_add_ons, webhook_url, fingerprint, generation, our_ref, their_ref, stage, result, detail,
    accepted, version, memo, sealed_order, sealed_report, link_generation, lease_token, lease_until, due_at, look_at,
    looked_at, idle_looks, waiting, updated_at, ended_at, created_at, add_on_ids, person)
VALUES ('ord_pgbench_000000_' || :number, :tenant, 'b-' || :number, 'tracking_id_of_43_letters_' || :number,
    :connection, 'package_01', 'package_01', '[]', 'http://127.0.0.1/webhooks',
    'v1.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 1, 'ref_' || :number, NULL, 'placing', 'none',
    NULL, 0, 1, '{"step": "", "values": {}}', :sealed_order, NULL, 1, 'lease_token_of_43_letters_' || :number,
    :now, :now, NULL, NULL, 0, NULL, :now, NULL, :now, '[]', NULL)
ON CONFLICT (tenant_id, background_check_id) DO NOTHING RETURNING 1),
p1 AS (INSERT INTO history (order_id, version, line, at, kind, detail)
SELECT 'ord_pgbench_000000_' || :number, 1, 0, :now, 'received', 'package package_01, at bench'
WHERE EXISTS (SELECT 1 FROM p0) RETURNING 1),
p2 AS (INSERT INTO calls (order_id, generation, turn, step, call_key, effect, sealed_request, first_sent_at, sent_at,
    copies)
SELECT 'ord_pgbench_000000_' || :number, 1, 1, 'order', 'ref_' || :number || '-1',
    '{"repeatable": {"within": "24h"}}', :sealed_request, :now, :now, 1
WHERE EXISTS (SELECT 1 FROM p0) RETURNING 1)
SELECT (SELECT COUNT(*) FROM p0) AS n0, (SELECT COUNT(*) FROM p1) AS n1, (SELECT COUNT(*) FROM p2) AS n2;

WITH p0 AS (UPDATE orders SET connection_id = :connection, package_id = 'package_01', vendor_package = 'package_01',
    vendor_add_ons = '[]', webhook_url = 'http://127.0.0.1/webhooks',
    fingerprint = 'v1.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', generation = 1,
    our_ref = 'ref_' || :number, their_ref = 'v-' || :number, stage = 'in_progress', result = 'none', detail = NULL,
    accepted = 1, version = 2, memo = '{"step": "", "values": {}}', sealed_order = NULL, sealed_report = NULL,
    link_generation = 1, lease_token = NULL, lease_until = NULL, due_at = NULL, look_at = :now, looked_at = NULL,
    idle_looks = 0, waiting = NULL, updated_at = :now, ended_at = NULL, created_at = :now,
    add_on_ids = '[]', person = NULL
WHERE id = 'ord_pgbench_000000_' || :number AND version = 1
AND NOT EXISTS (SELECT 1 FROM order_references AS taken
    WHERE taken.their_ref = 'v-' || :number AND taken.order_id <> 'ord_pgbench_000000_' || :number AND
    (SELECT vendor || ' ' || base_url FROM connections WHERE id = taken.connection_id) =
    (SELECT vendor || ' ' || base_url FROM connections WHERE id = :connection)) RETURNING 1),
p1 AS (INSERT INTO order_references (connection_id, their_ref, order_id)
SELECT :connection, 'v-' || :number, 'ord_pgbench_000000_' || :number WHERE EXISTS (SELECT 1 FROM p0)
AND NOT EXISTS (SELECT 1 FROM order_references WHERE connection_id = :connection AND their_ref = 'v-' || :number
    AND order_id = 'ord_pgbench_000000_' || :number) RETURNING 1),
p2 AS (INSERT INTO history (order_id, version, line, at, kind, detail)
SELECT 'ord_pgbench_000000_' || :number, 2, 0, :now, 'moved', 'placing to in_progress, by the vendor''s answer'
WHERE EXISTS (SELECT 1 FROM p0) RETURNING 1),
p3 AS (UPDATE calls SET outcome = 'placed', ended_at = :now, took_ms = 1, sealed_request = NULL
WHERE order_id = 'ord_pgbench_000000_' || :number AND generation = 1 AND outcome IS NULL
AND EXISTS (SELECT 1 FROM p0) RETURNING 1)
SELECT (SELECT COUNT(*) FROM p0) AS n0, (SELECT COUNT(*) FROM p1) AS n1, (SELECT COUNT(*) FROM p2) AS n2,
    (SELECT COUNT(*) FROM p3) AS n3;

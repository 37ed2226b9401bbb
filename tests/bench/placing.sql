-- What PostgreSQL does for one order that its vendor takes at once, statement by statement, for
-- pgbench. It mirrors, in src/store: Store::insert_order with write_lines and write_call;
-- Store::save_order with write_references, write_lines and write_call.
\set number random(1, 4000000000000000000)
\set now 1800000000000

BEGIN;
INSERT INTO orders (id, tenant_id, background_check_id, tracking_id, connection_id, package_id,
    vendor_package, vendor_add_ons, webhook_url, fingerprint, generation, our_ref, their_ref, stage, result, detail,
    accepted, version, memo, sealed_order, sealed_report, link_generation, lease_token, lease_until, due_at, look_at,
    looked_at, idle_looks, waiting, updated_at, ended_at, created_at, add_on_ids, person)
VALUES ('ord_pgbench_000000_' || :number, :tenant, 'b-' || :number, 'tracking_id_of_43_letters_' || :number,
    :connection, 'package_01', 'package_01', '[]', 'http://127.0.0.1/webhooks',
    'v1.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 1, 'ref_' || :number, NULL, 'placing', 'none',
    NULL, 0, 1, '{"step": "", "values": {}}', :sealed_order, NULL, 1, 'lease_token_of_43_letters_' || :number,
    :now, :now, NULL, NULL, 0, NULL, :now, NULL, :now, '[]', NULL)
ON CONFLICT (tenant_id, background_check_id) DO NOTHING;
INSERT INTO history (order_id, version, line, at, kind, detail)
VALUES ('ord_pgbench_000000_' || :number, 1, 0, :now, 'received', 'package package_01, at bench');
INSERT INTO calls (order_id, generation, turn, step, call_key, effect, sealed_request, first_sent_at, sent_at, copies)
VALUES ('ord_pgbench_000000_' || :number, 1, 1, 'order', 'ref_' || :number || '-1', '{"repeatable": {"within": "24h"}}',
    :sealed_request, :now, :now, 1);
COMMIT;

BEGIN;
UPDATE orders SET connection_id = :connection, package_id = 'package_01', vendor_package = 'package_01',
    vendor_add_ons = '[]', webhook_url = 'http://127.0.0.1/webhooks',
    fingerprint = 'v1.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', generation = 1,
    our_ref = 'ref_' || :number, their_ref = 'v-' || :number, stage = 'in_progress', result = 'none', detail = NULL,
    accepted = 1, version = 2, memo = '{"step": "", "values": {}}', sealed_order = NULL, sealed_report = NULL,
    link_generation = 1, lease_token = NULL, lease_until = NULL, due_at = NULL, look_at = :now, looked_at = NULL,
    idle_looks = 0, waiting = NULL, updated_at = :now, ended_at = NULL, created_at = :now,
    add_on_ids = '[]', person = NULL
WHERE id = 'ord_pgbench_000000_' || :number AND version = 1;
INSERT INTO order_references (connection_id, their_ref, order_id)
VALUES (:connection, 'v-' || :number, 'ord_pgbench_000000_' || :number)
ON CONFLICT (connection_id, their_ref) DO NOTHING;
INSERT INTO history (order_id, version, line, at, kind, detail)
VALUES ('ord_pgbench_000000_' || :number, 2, 0, :now, 'moved', 'placing to in_progress, by the vendor''s answer');
UPDATE calls SET outcome = 'placed', ended_at = :now, took_ms = 1, sealed_request = NULL
WHERE order_id = 'ord_pgbench_000000_' || :number AND generation = 1 AND outcome IS NULL;
COMMIT;

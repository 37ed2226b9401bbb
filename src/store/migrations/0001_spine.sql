-- One text for SQLite and PostgreSQL. Ids are text, times are milliseconds since the Unix epoch,
-- JSON is text, truth is 0 or 1. {blob} is the dialect's name for bytes.
-- statement
CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    options TEXT NOT NULL,
    sealed_signing_secret {blob},
    sealed_webhook_basic {blob},
    disabled BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
)
-- statement
CREATE TABLE secrets (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    digest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant_id, digest)
)
-- statement
CREATE TABLE connections (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    vendor TEXT NOT NULL,
    base_url TEXT NOT NULL,
    prefix TEXT NOT NULL,
    settings TEXT NOT NULL,
    overlay TEXT NOT NULL,
    sealed_credentials {blob} NOT NULL,
    callback_digest TEXT NOT NULL UNIQUE,
    sealed_callback_token {blob} NOT NULL,
    retired BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
)
-- statement
CREATE TABLE revision (
    id BIGINT PRIMARY KEY,
    value BIGINT NOT NULL
)
-- statement
INSERT INTO revision (id, value) VALUES (1, 1), (2, 1)
-- statement
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    until BIGINT NOT NULL
)
-- statement
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    target TEXT NOT NULL,
    note TEXT NOT NULL
)
-- statement
CREATE TABLE catalogs (
    connection_id TEXT PRIMARY KEY REFERENCES connections (id),
    body TEXT NOT NULL,
    fetched_at BIGINT NOT NULL
)
-- statement
CREATE TABLE catalog_changes (
    connection_id TEXT NOT NULL REFERENCES connections (id),
    slot BIGINT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    offer TEXT NOT NULL,
    vendor_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (connection_id, slot)
)
-- statement
CREATE TABLE offers (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL,
    offered_id TEXT NOT NULL,
    connection_id TEXT NOT NULL REFERENCES connections (id),
    vendor_id TEXT NOT NULL,
    name TEXT NOT NULL,
    gone_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind, offered_id)
)
-- statement
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    background_check_id TEXT NOT NULL,
    tracking_id TEXT NOT NULL UNIQUE,
    connection_id TEXT NOT NULL REFERENCES connections (id),
    package_id TEXT NOT NULL,
    vendor_package TEXT NOT NULL,
    vendor_add_ons TEXT NOT NULL,
    add_on_ids TEXT NOT NULL,
    webhook_url TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    generation BIGINT NOT NULL,
    our_ref TEXT NOT NULL,
    their_ref TEXT,
    stage TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT,
    accepted BIGINT NOT NULL,
    version BIGINT NOT NULL,
    memo TEXT NOT NULL,
    person TEXT,
    sealed_order {blob},
    sealed_report {blob},
    link_generation BIGINT NOT NULL,
    lease_token TEXT,
    lease_until BIGINT,
    due_at BIGINT,
    look_at BIGINT,
    looked_at BIGINT,
    idle_looks BIGINT NOT NULL,
    waiting TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE (tenant_id, background_check_id),
    UNIQUE (connection_id, our_ref)
)
-- statement
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL
-- statement
CREATE INDEX orders_look ON orders (look_at) WHERE look_at IS NOT NULL
-- statement
CREATE INDEX orders_waiting ON orders (waiting) WHERE waiting IS NOT NULL
-- statement
CREATE INDEX orders_silent ON orders (updated_at) WHERE ended_at IS NULL AND waiting IS NULL
-- statement
CREATE UNIQUE INDEX orders_person ON orders (connection_id, person) WHERE person IS NOT NULL
-- statement
CREATE INDEX orders_sealed ON orders (created_at) WHERE sealed_order IS NOT NULL
-- statement
CREATE TABLE order_references (
    connection_id TEXT NOT NULL,
    their_ref TEXT NOT NULL,
    order_id TEXT NOT NULL REFERENCES orders (id),
    PRIMARY KEY (connection_id, their_ref)
)
-- statement
CREATE INDEX order_references_order ON order_references (order_id)
-- statement
CREATE INDEX order_references_theirs ON order_references (their_ref)
-- statement
CREATE TABLE history (
    order_id TEXT NOT NULL REFERENCES orders (id),
    version BIGINT NOT NULL,
    line BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (order_id, version, line)
)
-- statement
CREATE TABLE calls (
    order_id TEXT NOT NULL REFERENCES orders (id),
    generation BIGINT NOT NULL,
    turn BIGINT NOT NULL,
    step TEXT NOT NULL,
    call_key TEXT NOT NULL,
    effect TEXT NOT NULL,
    sealed_request {blob},
    first_sent_at BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    copies BIGINT NOT NULL,
    took_ms BIGINT,
    outcome TEXT,
    detail TEXT,
    ended_at BIGINT,
    PRIMARY KEY (order_id, generation, turn)
)
-- statement
CREATE TABLE contacts (
    order_id TEXT NOT NULL REFERENCES orders (id),
    kind TEXT NOT NULL,
    slot BIGINT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    step TEXT NOT NULL,
    effect TEXT NOT NULL,
    took_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (order_id, kind, slot)
)
-- statement
CREATE TABLE callbacks (
    id TEXT PRIMARY KEY,
    connection_id TEXT NOT NULL REFERENCES connections (id),
    digest TEXT NOT NULL,
    sealed_body {blob},
    state TEXT NOT NULL,
    reason TEXT,
    due_at BIGINT,
    received_at BIGINT NOT NULL,
    settled_at BIGINT
)
-- statement
CREATE UNIQUE INDEX callbacks_once ON callbacks (connection_id, digest)
-- statement
CREATE INDEX callbacks_due ON callbacks (due_at) WHERE due_at IS NOT NULL
-- statement
CREATE INDEX callbacks_parked ON callbacks (connection_id) WHERE state = 'parked'
-- statement
CREATE TABLE lanes (
    order_id TEXT PRIMARY KEY REFERENCES orders (id),
    tenant_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    head BIGINT NOT NULL,
    last BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    lease_token TEXT,
    closed BIGINT NOT NULL DEFAULT 0
)
-- statement
CREATE INDEX lanes_due ON lanes (due_at) WHERE due_at IS NOT NULL
-- statement
CREATE INDEX lanes_lease ON lanes (lease_token) WHERE lease_token IS NOT NULL
-- statement
CREATE TABLE deliveries (
    order_id TEXT NOT NULL REFERENCES orders (id),
    sequence BIGINT NOT NULL,
    tenant_id TEXT NOT NULL,
    webhook_id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (order_id, sequence)
)
-- statement
CREATE INDEX deliveries_dead ON deliveries (state) WHERE state = 'dead'
-- statement
CREATE TABLE attempts (
    order_id TEXT NOT NULL REFERENCES orders (id),
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    lease_token TEXT NOT NULL,
    took_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    late BIGINT NOT NULL,
    PRIMARY KEY (order_id, sequence, lease_token)
)

-- Which reports a key has sealed, so that a start without that key need not read them all.
-- statement
CREATE INDEX orders_report_key ON orders (substr(sealed_report, 1, 4)) WHERE sealed_report IS NOT NULL

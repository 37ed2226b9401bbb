-- Which notes of a parked callback have been applied, while another waits for its order: a list of
-- their numbers and orders in JSON. NULL: none.
-- statement
ALTER TABLE callbacks ADD COLUMN applied_notes TEXT

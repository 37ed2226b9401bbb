-- Which notes of a parked callback wait for their orders, as their numbers in JSON; the others have
-- been applied, and are not again. NULL: none of them has been.
-- statement
ALTER TABLE callbacks ADD COLUMN waiting_notes TEXT

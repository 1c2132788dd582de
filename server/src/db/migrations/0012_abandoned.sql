-- The number of the publication that names it as abandoned; NULL until one does.
ALTER TABLE abandoned ADD COLUMN named_in INTEGER;

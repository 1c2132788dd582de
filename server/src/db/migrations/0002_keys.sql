-- Keys of the office: the root that signs today, how it came to follow its predecessors, and where
-- its file was put, for people. The statement about the online key stands in `online`.
ALTER TABLE office ADD COLUMN root BLOB NOT NULL DEFAULT x'';
ALTER TABLE office ADD COLUMN successions BLOB NOT NULL DEFAULT x'80';
ALTER TABLE office ADD COLUMN root_file TEXT NOT NULL DEFAULT '';
-- What is shown behind the TLS leaf, as PEM: the online key's certificate, and those of the roots.
ALTER TABLE office ADD COLUMN online_certificate TEXT NOT NULL DEFAULT '';
ALTER TABLE office ADD COLUMN root_certificates TEXT NOT NULL DEFAULT '';
-- The online key that issued the leaf.
ALTER TABLE office ADD COLUMN leaf_issuer BLOB;

-- The vaults of private notes, as far as the office sees them: who its members are and how often the
-- key has changed. It holds no key.

-- The newest step of each person's newest vault.
CREATE TABLE vault (
    person BLOB PRIMARY KEY,
    vault BLOB NOT NULL,
    number INTEGER NOT NULL,
    newest BLOB NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;

-- The steps of each person's newest vault, as they were handed in.
CREATE TABLE vault_step (
    person BLOB NOT NULL,
    number INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (person, number)
) STRICT;

-- The vault of private notes.

-- Steps of the owner's chains of devices, as payloads. Of two with one number the first seen counts.
CREATE TABLE vault_step (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    vault BLOB NOT NULL,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
) STRICT;

-- What devices of the owner have asked to be added with, as payloads.
CREATE TABLE vault_ask (
    device BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- The keys of the epochs, and the vault that each belongs to.
CREATE TABLE vault_key (
    epoch INTEGER PRIMARY KEY,
    vault BLOB NOT NULL,
    key BLOB NOT NULL
) STRICT;

-- Steps that this device is to make, until the chain shows that they are made.
CREATE TABLE vault_wish (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    what BLOB NOT NULL
) STRICT;

-- Sealed entries whose key is not here yet.
CREATE TABLE unopened (
    seq INTEGER PRIMARY KEY,
    feed_seq INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

-- The notes that the owner's devices have listed: one that is listed and not here is withheld.
CREATE TABLE vault_index (
    note BLOB PRIMARY KEY
) STRICT;

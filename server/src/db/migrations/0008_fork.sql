-- Incarnations: devices that were copied or put back from a copy.

-- What each incarnation after the first was granted for: the envelope that did not continue the chain,
-- or the name of the device's own request. A request that brings it again gets the same grant.
CREATE TABLE incarnation (
    device BLOB NOT NULL,
    number INTEGER NOT NULL,
    cause BLOB NOT NULL,
    at INTEGER NOT NULL,
    -- When a closed incarnation spoke after this grant, and the device was locked for it.
    copied_at INTEGER,
    PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;

-- When a meeting was published first is read from all its publications: kind 3.
CREATE INDEX kept_publication ON kept (feed) WHERE kind = 3;

-- How containers fared: a row for each change. The newest of a container is how it is; `since` is when its level began,
-- which another cause does not change.
CREATE TABLE health_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    since INTEGER NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('off', 'healthy', 'degraded', 'failing')),
    code TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
CREATE INDEX health_changes_of ON health_changes (host, name, id);
CREATE INDEX health_changes_at ON health_changes (at);

-- When somebody looked at a host: what was not looked at is not known.
CREATE TABLE health_watched (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER NOT NULL
) STRICT;
CREATE INDEX health_watched_of ON health_watched (host, ended);

-- What was restarted because it was not well. Without an outcome it is being restarted, or whoever did it was ended.
CREATE TABLE health_heals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    outcome TEXT
) STRICT;
CREATE INDEX health_heals_of ON health_heals (host, name, at);

-- What people were told last, so that nobody is told twice. What is not here was well.
CREATE TABLE health_told (
    host TEXT NOT NULL,
    name TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('degraded', 'failing')),
    at INTEGER NOT NULL,
    PRIMARY KEY (host, name)
) STRICT, WITHOUT ROWID;

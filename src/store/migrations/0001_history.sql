-- What tells this file from other SQLite databases: "ondk".
PRAGMA application_id = 1869505643;

-- Texts of files, each once however many attempts have it.
CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
) STRICT;

-- Times are microseconds since 1970 in UTC.
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lab TEXT NOT NULL,
    lab_digest TEXT NOT NULL,
    owner TEXT NOT NULL,
    host TEXT NOT NULL,
    session TEXT,
    mode TEXT NOT NULL CHECK (mode IN ('quick', 'clean')),
    verdict TEXT NOT NULL CHECK (verdict IN ('passed', 'failed', 'error')),
    score INTEGER NOT NULL,
    max_score INTEGER NOT NULL,
    started INTEGER NOT NULL,
    elapsed_seconds REAL NOT NULL,
    workspace_digest TEXT NOT NULL,
    report TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_of ON attempts (owner, lab, id);

CREATE TABLE attempt_codes (
    attempt INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (attempt, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt_files (
    attempt INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    content INTEGER REFERENCES contents (id),
    PRIMARY KEY (attempt, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_files_content ON attempt_files (content);

CREATE TABLE sessions (
    host TEXT NOT NULL,
    session TEXT NOT NULL,
    owner TEXT NOT NULL,
    lab TEXT,
    began INTEGER NOT NULL,
    ended INTEGER,
    PRIMARY KEY (host, session)
) STRICT;
CREATE INDEX sessions_of ON sessions (owner, lab);

CREATE TABLE hints (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    lab TEXT NOT NULL,
    key TEXT NOT NULL,
    rung INTEGER NOT NULL,
    source TEXT NOT NULL,
    taken INTEGER NOT NULL
) STRICT;
CREATE INDEX hints_of ON hints (owner, lab, key);

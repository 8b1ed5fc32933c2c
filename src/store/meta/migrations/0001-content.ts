import type { Migration } from '../migrate.ts'

/**
 * The tables that ../schema.ts describes. SQLite prepares a statement anew at each call (5 µs) when one of its tables has a
 * partial index and several tables or ranges are involved; so `repo` and `upload`, which are read all the time, have none.
 */
export const content: Migration = {
  version: 1,
  name: 'content',

  sqlite: `
    CREATE TABLE storage (one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL) STRICT;

    CREATE TABLE namespace (
      id         INTEGER PRIMARY KEY,
      name       TEXT NOT NULL UNIQUE,
      created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE repo (
      id           INTEGER PRIMARY KEY,
      ns_id        INTEGER NOT NULL REFERENCES namespace (id),
      name         TEXT NOT NULL UNIQUE,
      description  TEXT NOT NULL DEFAULT '',
      stars        INTEGER NOT NULL DEFAULT 0,
      official     INTEGER NOT NULL DEFAULT 0,
      visibility   INTEGER NOT NULL DEFAULT 0,
      pull_count   INTEGER NOT NULL DEFAULT 0,
      created_at   INTEGER NOT NULL,
      updated_at   INTEGER NOT NULL,
      published_at INTEGER,
      deleted_at   INTEGER,
      listed       INTEGER AS (published_at IS NOT NULL AND deleted_at IS NULL) VIRTUAL
    ) STRICT;
    CREATE INDEX repo_listed ON repo (listed, name);

    -- The text stays in repo; the triggers follow it. Only published repositories are in here. Two tables, since a search
    -- in one column of a common table reads what it finds in the other, too.
    CREATE VIRTUAL TABLE repo_name_search USING fts5 (
      name, content = 'repo', content_rowid = 'id', tokenize = 'trigram'
    );
    CREATE VIRTUAL TABLE repo_description_search USING fts5 (
      description, content = 'repo', content_rowid = 'id', tokenize = 'trigram'
    );
    CREATE TRIGGER repo_search_publish AFTER UPDATE OF published_at ON repo
    WHEN old.published_at IS NULL AND new.published_at IS NOT NULL BEGIN
      INSERT INTO repo_name_search (rowid, name) VALUES (new.id, new.name);
      INSERT INTO repo_description_search (rowid, description) VALUES (new.id, new.description);
    END;
    CREATE TRIGGER repo_search_change AFTER UPDATE OF name, description ON repo
    WHEN old.published_at IS NOT NULL BEGIN
      INSERT INTO repo_name_search (repo_name_search, rowid, name) VALUES ('delete', old.id, old.name);
      INSERT INTO repo_description_search (repo_description_search, rowid, description)
      VALUES ('delete', old.id, old.description);
      INSERT INTO repo_name_search (rowid, name) VALUES (new.id, new.name);
      INSERT INTO repo_description_search (rowid, description) VALUES (new.id, new.description);
    END;
    CREATE TRIGGER repo_search_delete AFTER DELETE ON repo
    WHEN old.published_at IS NOT NULL BEGIN
      INSERT INTO repo_name_search (repo_name_search, rowid, name) VALUES ('delete', old.id, old.name);
      INSERT INTO repo_description_search (repo_description_search, rowid, description)
      VALUES ('delete', old.id, old.description);
    END;

    CREATE TABLE blob (
      id         INTEGER PRIMARY KEY,
      digest     BLOB NOT NULL UNIQUE,
      size       INTEGER NOT NULL,
      obj        TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE repo_blob (
      repo_id     INTEGER NOT NULL,
      blob_id     INTEGER NOT NULL REFERENCES blob (id),
      lease_until INTEGER,
      PRIMARY KEY (repo_id, blob_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX repo_blob_blob ON repo_blob (blob_id);

    -- The payload comes last, so that reading the others never touches its overflow pages.
    CREATE TABLE manifest (
      id          INTEGER PRIMARY KEY,
      repo_id     INTEGER NOT NULL,
      digest      BLOB NOT NULL,
      media       INTEGER NOT NULL,
      size        INTEGER NOT NULL,
      artifact    TEXT,
      subject     BLOB,
      created_at  INTEGER NOT NULL,
      annotations TEXT,
      payload     BLOB NOT NULL,
      UNIQUE (repo_id, digest)
    ) STRICT;
    CREATE INDEX manifest_subject ON manifest (repo_id, subject, digest) WHERE subject IS NOT NULL;

    CREATE TABLE manifest_blob (
      repo_id     INTEGER NOT NULL,
      manifest_id INTEGER NOT NULL,
      blob_id     INTEGER NOT NULL,
      PRIMARY KEY (repo_id, manifest_id, blob_id),
      FOREIGN KEY (repo_id, blob_id) REFERENCES repo_blob (repo_id, blob_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX manifest_blob_blob ON manifest_blob (repo_id, blob_id);

    CREATE TABLE manifest_child (
      repo_id   INTEGER NOT NULL,
      parent_id INTEGER NOT NULL,
      child_id  INTEGER NOT NULL REFERENCES manifest (id),
      PRIMARY KEY (repo_id, parent_id, child_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX manifest_child_child ON manifest_child (child_id);

    CREATE TABLE manifest_missing (
      repo_id     INTEGER NOT NULL,
      digest      BLOB NOT NULL,
      manifest_id INTEGER NOT NULL,
      kind        INTEGER NOT NULL,
      PRIMARY KEY (repo_id, digest, manifest_id, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX manifest_missing_manifest ON manifest_missing (repo_id, manifest_id);

    CREATE TABLE tag (
      repo_id     INTEGER NOT NULL,
      name        TEXT NOT NULL,
      manifest_id INTEGER NOT NULL REFERENCES manifest (id),
      updated_at  INTEGER NOT NULL,
      immutable   INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (repo_id, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tag_manifest ON tag (manifest_id);

    CREATE TABLE upload (
      id               TEXT PRIMARY KEY,
      repo_id          INTEGER NOT NULL,
      owner            TEXT NOT NULL,
      obj              TEXT NOT NULL,
      offset_          INTEGER NOT NULL,
      algorithm        TEXT NOT NULL,
      state            INTEGER NOT NULL,
      expires_at       INTEGER NOT NULL,
      committed_digest BLOB,
      committed_size   INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX upload_expiry ON upload (expires_at);
    CREATE INDEX upload_repo ON upload (repo_id, state, expires_at);
    CREATE INDEX upload_owner ON upload (state, owner, expires_at);

    CREATE TABLE tombstone (
      obj          TEXT PRIMARY KEY,
      digest       BLOB,
      delete_after INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tombstone_due ON tombstone (delete_after, obj);

    CREATE TABLE gc_manifest (
      repo_id      INTEGER NOT NULL,
      manifest_id  INTEGER NOT NULL,
      review_after INTEGER NOT NULL,
      PRIMARY KEY (repo_id, manifest_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX gc_manifest_due ON gc_manifest (review_after);

    CREATE TABLE gc_link (
      repo_id      INTEGER NOT NULL,
      blob_id      INTEGER NOT NULL,
      review_after INTEGER NOT NULL,
      PRIMARY KEY (repo_id, blob_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX gc_link_due ON gc_link (review_after);

    CREATE TABLE gc_blob (
      blob_id      INTEGER PRIMARY KEY,
      review_after INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX gc_blob_due ON gc_blob (review_after);

    -- Without statistics SQLite takes a repository for ten rows and would rather read it whole than follow a list of keys.
    -- These say how the tables look where it matters: rows in all, then rows for each prefix of the key. The last statement
    -- makes this connection read them.
    ANALYZE;
    INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
      ('repo', 'sqlite_autoindex_repo_1', '100000 1'),
      ('repo', 'repo_listed', '100000 50000 1'),
      ('blob', 'sqlite_autoindex_blob_1', '1000000 1'),
      ('repo_blob', 'repo_blob', '1000000 10000 1'),
      ('repo_blob', 'repo_blob_blob', '1000000 3 1'),
      ('manifest', 'sqlite_autoindex_manifest_1', '1000000 10000 1'),
      ('manifest', 'manifest_subject', '100000 10000 5 1'),
      ('manifest_blob', 'manifest_blob', '10000000 100000 10 1'),
      ('manifest_blob', 'manifest_blob_blob', '10000000 100000 100 1'),
      ('manifest_child', 'manifest_child', '1000000 10000 5 1'),
      ('manifest_child', 'manifest_child_child', '1000000 2 2 1'),
      ('manifest_missing', 'manifest_missing', '100000 10000 2 2 1'),
      ('manifest_missing', 'manifest_missing_manifest', '100000 10000 5 1 1'),
      ('tag', 'tag', '1000000 10000 1'),
      ('tag', 'tag_manifest', '1000000 2 2 1'),
      ('upload', 'upload', '10000 1'),
      ('upload', 'upload_expiry', '10000 2 1'),
      ('upload', 'upload_repo', '10000 100 50 2 1'),
      ('upload', 'upload_owner', '10000 5000 1000 2 1');
    ANALYZE sqlite_schema;
  `,

  // Every table of a repository's content has repo_id first in its key, so that it can be partitioned by it.
  postgres: `
    CREATE EXTENSION IF NOT EXISTS pg_trgm;

    CREATE TABLE storage (one smallint PRIMARY KEY CHECK (one = 1), identity text NOT NULL);

    CREATE TABLE namespace (
      id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      name       text COLLATE "C" NOT NULL UNIQUE,
      created_at bigint NOT NULL
    );

    CREATE TABLE repo (
      id           bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      ns_id        bigint NOT NULL REFERENCES namespace (id),
      name         text COLLATE "C" NOT NULL UNIQUE,
      description  text NOT NULL DEFAULT '',
      stars        integer NOT NULL DEFAULT 0,
      official     smallint NOT NULL DEFAULT 0,
      visibility   smallint NOT NULL DEFAULT 0,
      pull_count   bigint NOT NULL DEFAULT 0,
      created_at   bigint NOT NULL,
      updated_at   bigint NOT NULL,
      published_at bigint,
      deleted_at   bigint,
      listed       smallint GENERATED ALWAYS AS
        (CASE WHEN published_at IS NOT NULL AND deleted_at IS NULL THEN 1 ELSE 0 END) STORED
    );
    CREATE INDEX repo_listed ON repo (listed, name);
    CREATE INDEX repo_name_trgm ON repo USING gin (name gin_trgm_ops);
    CREATE INDEX repo_description_trgm ON repo USING gin (lower(description) gin_trgm_ops) WHERE description <> '';

    CREATE TABLE blob (
      id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      digest     bytea NOT NULL UNIQUE,
      size       bigint NOT NULL,
      obj        uuid NOT NULL,
      created_at bigint NOT NULL
    );

    CREATE TABLE repo_blob (
      repo_id     bigint NOT NULL,
      blob_id     bigint NOT NULL REFERENCES blob (id),
      lease_until bigint,
      PRIMARY KEY (repo_id, blob_id)
    );
    CREATE INDEX repo_blob_blob ON repo_blob (blob_id);

    CREATE TABLE manifest (
      repo_id     bigint NOT NULL,
      id          bigint GENERATED BY DEFAULT AS IDENTITY,
      digest      bytea NOT NULL,
      media       smallint NOT NULL,
      size        integer NOT NULL,
      artifact    text,
      subject     bytea,
      created_at  bigint NOT NULL,
      annotations text,
      payload     bytea NOT NULL,
      PRIMARY KEY (repo_id, id),
      UNIQUE (repo_id, digest)
    );
    CREATE INDEX manifest_subject ON manifest (repo_id, subject, digest) WHERE subject IS NOT NULL;

    CREATE TABLE manifest_blob (
      repo_id     bigint NOT NULL,
      manifest_id bigint NOT NULL,
      blob_id     bigint NOT NULL,
      PRIMARY KEY (repo_id, manifest_id, blob_id),
      CONSTRAINT manifest_blob_link FOREIGN KEY (repo_id, blob_id) REFERENCES repo_blob (repo_id, blob_id)
    );
    CREATE INDEX manifest_blob_blob ON manifest_blob (repo_id, blob_id, manifest_id);

    CREATE TABLE manifest_child (
      repo_id   bigint NOT NULL,
      parent_id bigint NOT NULL,
      child_id  bigint NOT NULL,
      PRIMARY KEY (repo_id, parent_id, child_id),
      FOREIGN KEY (repo_id, child_id) REFERENCES manifest (repo_id, id)
    );
    CREATE INDEX manifest_child_child ON manifest_child (repo_id, child_id, parent_id);

    CREATE TABLE manifest_missing (
      repo_id     bigint NOT NULL,
      digest      bytea NOT NULL,
      manifest_id bigint NOT NULL,
      kind        smallint NOT NULL,
      PRIMARY KEY (repo_id, digest, manifest_id, kind)
    );
    CREATE INDEX manifest_missing_manifest ON manifest_missing (repo_id, manifest_id);

    CREATE TABLE tag (
      repo_id     bigint NOT NULL,
      name        text COLLATE "C" NOT NULL,
      manifest_id bigint NOT NULL,
      updated_at  bigint NOT NULL,
      immutable   smallint NOT NULL DEFAULT 0,
      PRIMARY KEY (repo_id, name),
      FOREIGN KEY (repo_id, manifest_id) REFERENCES manifest (repo_id, id)
    );
    CREATE INDEX tag_manifest ON tag (repo_id, manifest_id);

    CREATE TABLE upload (
      id               uuid PRIMARY KEY,
      repo_id          bigint NOT NULL,
      owner            text COLLATE "C" NOT NULL,
      obj              uuid NOT NULL,
      offset_          bigint NOT NULL,
      algorithm        text NOT NULL,
      state            smallint NOT NULL,
      expires_at       bigint NOT NULL,
      committed_digest bytea,
      committed_size   bigint
    );
    CREATE INDEX upload_expiry ON upload (expires_at);
    CREATE INDEX upload_repo ON upload (repo_id, state, expires_at);
    CREATE INDEX upload_owner ON upload (state, owner, expires_at);

    CREATE TABLE tombstone (
      obj          uuid PRIMARY KEY,
      digest       bytea,
      delete_after bigint NOT NULL
    );
    CREATE INDEX tombstone_due ON tombstone (delete_after, obj);

    CREATE TABLE gc_manifest (
      repo_id      bigint NOT NULL,
      manifest_id  bigint NOT NULL,
      review_after bigint NOT NULL,
      PRIMARY KEY (repo_id, manifest_id)
    );
    CREATE INDEX gc_manifest_due ON gc_manifest (review_after);

    CREATE TABLE gc_link (
      repo_id      bigint NOT NULL,
      blob_id      bigint NOT NULL,
      review_after bigint NOT NULL,
      PRIMARY KEY (repo_id, blob_id)
    );
    CREATE INDEX gc_link_due ON gc_link (review_after);

    CREATE TABLE gc_blob (
      blob_id      bigint PRIMARY KEY,
      review_after bigint NOT NULL
    );
    CREATE INDEX gc_blob_due ON gc_blob (review_after);
  `,
}

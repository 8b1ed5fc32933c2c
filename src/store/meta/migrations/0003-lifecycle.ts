import type { Migration } from '../migrate.ts'

/** What becomes of content: collection, the history of tags, renamed and deleted repositories, protection, use. */
export const lifecycle: Migration = {
  version: 3,
  name: 'lifecycle',

  sqlite: `
    -- Work that one process at a time does: who does it until when, and how it went.
    CREATE TABLE job (
      name        TEXT PRIMARY KEY,
      holder      TEXT,
      lease_until INTEGER NOT NULL DEFAULT 0,
      paused      INTEGER NOT NULL DEFAULT 0,
      started_at  INTEGER,
      finished_at INTEGER,
      failure     TEXT,
      detail      TEXT
    ) STRICT, WITHOUT ROWID;

    -- What the collector freed, in all.
    CREATE TABLE collected (
      one       INTEGER PRIMARY KEY CHECK (one = 1),
      manifests INTEGER NOT NULL DEFAULT 0,
      links     INTEGER NOT NULL DEFAULT 0,
      blobs     INTEGER NOT NULL DEFAULT 0,
      bytes     INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO collected (one) VALUES (1);

    -- NULL: as the site has it.
    ALTER TABLE namespace ADD COLUMN undo_seconds INTEGER;
    ALTER TABLE namespace ADD COLUMN immutable TEXT;
    -- JSON array of patterns of tags; NULL: as the namespace has it.
    ALTER TABLE repo ADD COLUMN immutable TEXT;
    -- The name it had, while it can be restored; its row then has a name that no request can have.
    ALTER TABLE repo ADD COLUMN deleted_name TEXT;
    CREATE INDEX repo_deleted ON repo (deleted_at, id);
    CREATE INDEX repo_deleted_name ON repo (deleted_name);

    -- Names that repositories had before: they lead to them still.
    CREATE TABLE repo_alias (
      name       TEXT PRIMARY KEY,
      repo_id    INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX repo_alias_repo ON repo_alias (repo_id);

    -- Every change of a tag. kind: 1 push, 2 delete, 3 restore, 4 deletion of its manifest. "from_id" is the manifest that the change left,
    -- which stays for as long as the change can be undone; NULL where there was none, or it is gone. At "review_after" it is looked at
    -- whether the change can be forgotten: a namespace may have set another time meanwhile.
    CREATE TABLE tag_event (
      id            INTEGER PRIMARY KEY AUTOINCREMENT,
      repo_id       INTEGER NOT NULL,
      name          TEXT NOT NULL,
      at            INTEGER NOT NULL,
      kind          INTEGER NOT NULL,
      from_id       INTEGER,
      from_digest   BLOB,
      to_digest     BLOB,
      actor         TEXT NOT NULL,
      account_id    INTEGER,
      credential_id INTEGER,
      address       TEXT NOT NULL,
      agent         TEXT NOT NULL,
      review_after  INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX tag_event_tag ON tag_event (repo_id, name, id);
    CREATE INDEX tag_event_from ON tag_event (repo_id, from_id, at);
    CREATE INDEX tag_event_repo ON tag_event (repo_id, id);
    CREATE INDEX tag_event_gone ON tag_event (repo_id, name, id) WHERE to_digest IS NULL;
    CREATE INDEX tag_event_due ON tag_event (review_after);

    -- Manifests that nobody deletes until they are let go.
    CREATE TABLE manifest_protection (
      repo_id     INTEGER NOT NULL,
      manifest_id INTEGER NOT NULL,
      reason      TEXT NOT NULL,
      created_at  INTEGER NOT NULL,
      PRIMARY KEY (repo_id, manifest_id)
    ) STRICT, WITHOUT ROWID;

    -- When content was last asked for, in ms; beside the rows themselves, which are large. HEAD counts as a look, GET as a pull. platform:
    -- as an index says it; NULL until one lists the manifest.
    CREATE TABLE manifest_use (
      repo_id     INTEGER NOT NULL,
      manifest_id INTEGER NOT NULL,
      pulled_at   INTEGER NOT NULL DEFAULT 0,
      looked_at   INTEGER NOT NULL DEFAULT 0,
      platform    TEXT,
      PRIMARY KEY (repo_id, manifest_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tag_use (
      repo_id   INTEGER NOT NULL,
      name      TEXT NOT NULL,
      pulled_at INTEGER NOT NULL DEFAULT 0,
      looked_at INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (repo_id, name)
    ) STRICT, WITHOUT ROWID;

    -- Pulls by day (days since the epoch, UTC). tag is empty for pulls by digest, platform empty where it is not known.
    CREATE TABLE pull_day (
      repo_id   INTEGER NOT NULL,
      day       INTEGER NOT NULL,
      tag       TEXT NOT NULL,
      platform  TEXT NOT NULL,
      pulls     INTEGER NOT NULL DEFAULT 0,
      looks     INTEGER NOT NULL DEFAULT 0,
      referrers INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (repo_id, day, tag, platform)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE star (
      user_id    INTEGER NOT NULL REFERENCES account (id),
      repo_id    INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      PRIMARY KEY (user_id, repo_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX star_repo ON star (repo_id);

    -- As in the first step: how the tables look where it matters.
    INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
      ('repo', 'repo_deleted', '100000 1000 1'),
      ('repo', 'repo_deleted_name', '100000 2'),
      ('repo_alias', 'repo_alias', '1000 1'),
      ('repo_alias', 'repo_alias_repo', '1000 1 1'),
      ('tag_event', 'tag_event_tag', '1000000 10000 5 1'),
      ('tag_event', 'tag_event_from', '1000000 10000 3 1'),
      ('tag_event', 'tag_event_repo', '1000000 10000 1'),
      ('tag_event', 'tag_event_gone', '10000 100 2 1'),
      ('tag_event', 'tag_event_due', '1000000 2'),
      ('manifest_protection', 'manifest_protection', '1000 10 1'),
      ('manifest_use', 'manifest_use', '1000000 10000 1'),
      ('tag_use', 'tag_use', '1000000 10000 1'),
      ('pull_day', 'pull_day', '1000000 10000 100 2 1'),
      ('star', 'star', '10000 10 1'),
      ('star', 'star_repo', '10000 10 1');
    ANALYZE sqlite_schema;
  `,

  postgres: `
    CREATE TABLE job (
      name        text COLLATE "C" PRIMARY KEY,
      holder      text,
      lease_until bigint NOT NULL DEFAULT 0,
      paused      smallint NOT NULL DEFAULT 0,
      started_at  bigint,
      finished_at bigint,
      failure     text,
      detail      text
    );

    CREATE TABLE collected (
      one       smallint PRIMARY KEY CHECK (one = 1),
      manifests bigint NOT NULL DEFAULT 0,
      links     bigint NOT NULL DEFAULT 0,
      blobs     bigint NOT NULL DEFAULT 0,
      bytes     bigint NOT NULL DEFAULT 0
    );
    INSERT INTO collected (one) VALUES (1);

    ALTER TABLE namespace ADD COLUMN undo_seconds bigint;
    ALTER TABLE namespace ADD COLUMN immutable text;
    ALTER TABLE repo ADD COLUMN immutable text;
    ALTER TABLE repo ADD COLUMN deleted_name text;
    CREATE INDEX repo_deleted ON repo (deleted_at, id);
    CREATE INDEX repo_deleted_name ON repo (deleted_name);

    CREATE TABLE repo_alias (
      name       text COLLATE "C" PRIMARY KEY,
      repo_id    bigint NOT NULL,
      created_at bigint NOT NULL
    );
    CREATE INDEX repo_alias_repo ON repo_alias (repo_id);

    CREATE TABLE tag_event (
      id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      repo_id       bigint NOT NULL,
      name          text COLLATE "C" NOT NULL,
      at            bigint NOT NULL,
      kind          smallint NOT NULL,
      from_id       bigint,
      from_digest   bytea,
      to_digest     bytea,
      actor         text NOT NULL,
      account_id    bigint,
      credential_id bigint,
      address       text NOT NULL,
      agent         text NOT NULL,
      review_after  bigint NOT NULL DEFAULT 0
    );
    CREATE INDEX tag_event_tag ON tag_event (repo_id, name, id);
    CREATE INDEX tag_event_from ON tag_event (repo_id, from_id, at);
    CREATE INDEX tag_event_repo ON tag_event (repo_id, id);
    CREATE INDEX tag_event_gone ON tag_event (repo_id, name, id) WHERE to_digest IS NULL;
    CREATE INDEX tag_event_due ON tag_event (review_after);

    CREATE TABLE manifest_protection (
      repo_id     bigint NOT NULL,
      manifest_id bigint NOT NULL,
      reason      text NOT NULL,
      created_at  bigint NOT NULL,
      PRIMARY KEY (repo_id, manifest_id)
    );

    CREATE TABLE manifest_use (
      repo_id     bigint NOT NULL,
      manifest_id bigint NOT NULL,
      pulled_at   bigint NOT NULL DEFAULT 0,
      looked_at   bigint NOT NULL DEFAULT 0,
      platform    text,
      PRIMARY KEY (repo_id, manifest_id)
    );
    CREATE TABLE tag_use (
      repo_id   bigint NOT NULL,
      name      text COLLATE "C" NOT NULL,
      pulled_at bigint NOT NULL DEFAULT 0,
      looked_at bigint NOT NULL DEFAULT 0,
      PRIMARY KEY (repo_id, name)
    );

    CREATE TABLE pull_day (
      repo_id   bigint NOT NULL,
      day       bigint NOT NULL,
      tag       text COLLATE "C" NOT NULL,
      platform  text COLLATE "C" NOT NULL,
      pulls     bigint NOT NULL DEFAULT 0,
      looks     bigint NOT NULL DEFAULT 0,
      referrers bigint NOT NULL DEFAULT 0,
      PRIMARY KEY (repo_id, day, tag, platform)
    );

    CREATE TABLE star (
      user_id    bigint NOT NULL REFERENCES account (id),
      repo_id    bigint NOT NULL,
      created_at bigint NOT NULL,
      PRIMARY KEY (user_id, repo_id)
    );
    CREATE INDEX star_repo ON star (repo_id);
  `,
}

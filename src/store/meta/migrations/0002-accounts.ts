import type { Migration } from '../migrate.ts'

/** Who may do what: accounts, what proves them, grants, keys, audit. The same tables in both databases; ../access-store.ts says what they mean. */
export const accounts: Migration = {
  version: 2,
  name: 'accounts',

  sqlite: `
    -- People, organisations and robots. Numbers are never given twice: tokens and sessions name them.
    CREATE TABLE account (
      id            INTEGER PRIMARY KEY AUTOINCREMENT,
      name          TEXT NOT NULL UNIQUE,
      kind          INTEGER NOT NULL,
      display_name  TEXT NOT NULL DEFAULT '',
      description   TEXT NOT NULL DEFAULT '',
      email         TEXT NOT NULL DEFAULT '',
      administrator INTEGER NOT NULL DEFAULT 0,
      disabled      INTEGER NOT NULL DEFAULT 0,
      owner_id      INTEGER REFERENCES account (id),
      created_at    INTEGER NOT NULL,
      version       INTEGER NOT NULL DEFAULT 1
    ) STRICT;
    CREATE INDEX account_kind ON account (kind, name);
    CREATE INDEX account_owner ON account (owner_id, name);
    CREATE INDEX account_administrator ON account (administrator, disabled);

    ALTER TABLE namespace ADD COLUMN account_id INTEGER REFERENCES account (id);
    ALTER TABLE namespace ADD COLUMN default_visibility INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE namespace ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX namespace_account ON namespace (account_id, name);

    ALTER TABLE repo ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX repo_public ON repo (visibility, listed, name);
    CREATE INDEX repo_namespace ON repo (ns_id, name);

    -- Beside the repository's row, which every request reads and which must stay small.
    CREATE TABLE repo_readme (
      repo_id INTEGER PRIMARY KEY,
      readme  TEXT NOT NULL
    ) STRICT;

    -- role: 1 member, 2 owner.
    CREATE TABLE member (
      organisation_id INTEGER NOT NULL REFERENCES account (id),
      user_id         INTEGER NOT NULL REFERENCES account (id),
      role            INTEGER NOT NULL,
      created_at      INTEGER NOT NULL,
      PRIMARY KEY (organisation_id, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX member_user ON member (user_id, organisation_id, role);

    CREATE TABLE team (
      id              INTEGER PRIMARY KEY AUTOINCREMENT,
      organisation_id INTEGER NOT NULL REFERENCES account (id),
      name            TEXT NOT NULL,
      description     TEXT NOT NULL DEFAULT '',
      created_at      INTEGER NOT NULL,
      version         INTEGER NOT NULL DEFAULT 1,
      UNIQUE (organisation_id, name)
    ) STRICT;

    CREATE TABLE team_member (
      team_id INTEGER NOT NULL REFERENCES team (id),
      user_id INTEGER NOT NULL REFERENCES account (id),
      PRIMARY KEY (team_id, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX team_member_user ON team_member (user_id, team_id);

    -- subject_kind: 1 account, 2 team, 3 everyone who is signed in, 4 anyone; the last two have subject_id 0. wild: whether the pattern
    -- is more than one name; default grants make many of the others, of which a request looks at those of its repository alone. stage: of
    -- a name: 0 no repository has it, 1 one that nothing was pushed to, 2 a published one.
    CREATE TABLE access_grant (
      id           INTEGER PRIMARY KEY AUTOINCREMENT,
      ns_id        INTEGER NOT NULL REFERENCES namespace (id),
      subject_kind INTEGER NOT NULL,
      subject_id   INTEGER NOT NULL,
      wild         INTEGER NOT NULL,
      pattern      TEXT NOT NULL,
      verbs        INTEGER NOT NULL,
      created_at   INTEGER NOT NULL,
      stage        INTEGER NOT NULL DEFAULT 0,
      UNIQUE (ns_id, wild, subject_kind, subject_id, pattern)
    ) STRICT;
    CREATE INDEX access_grant_pattern ON access_grant (ns_id, pattern);
    CREATE INDEX access_grant_number ON access_grant (ns_id, id);
    CREATE INDEX access_grant_subject ON access_grant (subject_kind, subject_id, wild, stage, pattern);
    CREATE INDEX access_grant_stage ON access_grant (ns_id, wild, stage);

    CREATE TABLE default_grant (
      ns_id        INTEGER NOT NULL REFERENCES namespace (id),
      subject_kind INTEGER NOT NULL,
      subject_id   INTEGER NOT NULL,
      verbs        INTEGER NOT NULL,
      PRIMARY KEY (ns_id, subject_kind, subject_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX default_grant_subject ON default_grant (subject_kind, subject_id);

    -- What proves that someone is an account. kind: 1 password, 2 token, 3 secret, 4 key, 5 session, 6 refresh. lookup is the SHA-256 of
    -- the secret (of a key's public half), verifier the argon2id text of a password or the public key. parent_id: it ends with that one.
    CREATE TABLE credential (
      id            INTEGER PRIMARY KEY AUTOINCREMENT,
      account_id    INTEGER NOT NULL REFERENCES account (id),
      kind          INTEGER NOT NULL,
      name          TEXT NOT NULL,
      lookup        BLOB UNIQUE,
      verifier      TEXT,
      scopes        TEXT,
      networks      TEXT,
      parent_id     INTEGER REFERENCES credential (id),
      created_at    INTEGER NOT NULL,
      expires_at    INTEGER,
      used_at       INTEGER,
      used_address  TEXT,
      used_agent    TEXT,
      UNIQUE (account_id, kind, name)
    ) STRICT;
    CREATE INDEX credential_parent ON credential (parent_id);
    CREATE INDEX credential_expiry ON credential (kind, expires_at);

    -- purpose: 1 first administrator, 2 invitation, 3 password reset. account_id: the organisation invited to, the user whose password it is.
    -- maker_id: the account whose right it rests on; none of the operator's. credential_id: what that came with, if it is to live as long.
    CREATE TABLE one_time_link (
      id            INTEGER PRIMARY KEY AUTOINCREMENT,
      lookup        BLOB NOT NULL UNIQUE,
      purpose       INTEGER NOT NULL,
      account_id    INTEGER REFERENCES account (id),
      role          INTEGER,
      created_by    TEXT NOT NULL,
      maker_id      INTEGER,
      credential_id INTEGER,
      created_at    INTEGER NOT NULL,
      expires_at    INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX one_time_link_account ON one_time_link (account_id, purpose);
    CREATE INDEX one_time_link_expiry ON one_time_link (expires_at);

    -- Assertions of keys that were taken, until they end: each is good once. id: SHA-256.
    CREATE TABLE used_assertion (
      id         BLOB PRIMARY KEY,
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX used_assertion_expiry ON used_assertion (expires_at);

    CREATE TABLE signing_key (
      kid         TEXT PRIMARY KEY,
      private_key TEXT NOT NULL,
      public_key  TEXT NOT NULL,
      created_at  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Who did what, from where, when, and whether it was let happen. Rows are only ever added.
    CREATE TABLE audit (
      id            INTEGER PRIMARY KEY AUTOINCREMENT,
      at            INTEGER NOT NULL,
      actor         TEXT NOT NULL,
      account_id    INTEGER,
      credential_id INTEGER,
      action        TEXT NOT NULL,
      target        TEXT NOT NULL,
      namespace     TEXT,
      result        INTEGER NOT NULL,
      address       TEXT NOT NULL,
      agent         TEXT NOT NULL,
      request_id    TEXT NOT NULL,
      detail        TEXT
    ) STRICT;
    CREATE INDEX audit_time ON audit (at, id);
    CREATE INDEX audit_namespace ON audit (namespace, id);
    CREATE INDEX audit_actor ON audit (actor, id);
    CREATE INDEX audit_action ON audit (action, id);

    -- As in the first step: how the tables look where it matters.
    INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
      ('repo', 'repo_public', '100000 50000 25000 1'),
      ('repo', 'repo_namespace', '100000 100 1'),
      ('namespace', 'sqlite_autoindex_namespace_1', '10000 1'),
      ('namespace', 'namespace_account', '10000 2 1'),
      ('account', 'sqlite_autoindex_account_1', '10000 1'),
      ('account', 'account_kind', '10000 3000 1'),
      ('account', 'account_owner', '10000 10 1'),
      ('account', 'account_administrator', '10000 5000 2500'),
      ('member', 'member', '10000 20 1'),
      ('member', 'member_user', '10000 5 1 1'),
      ('team_member', 'team_member', '10000 20 1'),
      ('team_member', 'team_member_user', '10000 5 1'),
      ('access_grant', 'sqlite_autoindex_access_grant_1', '100000 100 50 20 2 1'),
      ('access_grant', 'access_grant_pattern', '100000 100 2 1'),
      ('access_grant', 'access_grant_number', '100000 100 1'),
      ('access_grant', 'access_grant_subject', '100000 25000 10 5 4 1'),
      ('access_grant', 'access_grant_stage', '100000 100 50 20'),
      ('credential', 'sqlite_autoindex_credential_1', '100000 1'),
      ('credential', 'sqlite_autoindex_credential_2', '100000 10 3 1'),
      ('credential', 'credential_parent', '100000 10'),
      ('credential', 'credential_expiry', '100000 20000 10'),
      ('audit', 'audit_time', '1000000 2 1'),
      ('audit', 'audit_namespace', '1000000 1000 1'),
      ('audit', 'audit_actor', '1000000 1000 1'),
      ('audit', 'audit_action', '1000000 10000 1');
    ANALYZE sqlite_schema;
  `,

  postgres: `
    CREATE TABLE account (
      id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      name          text COLLATE "C" NOT NULL UNIQUE,
      kind          smallint NOT NULL,
      display_name  text NOT NULL DEFAULT '',
      description   text NOT NULL DEFAULT '',
      email         text NOT NULL DEFAULT '',
      administrator smallint NOT NULL DEFAULT 0,
      disabled      smallint NOT NULL DEFAULT 0,
      owner_id      bigint REFERENCES account (id),
      created_at    bigint NOT NULL,
      version       bigint NOT NULL DEFAULT 1
    );
    CREATE INDEX account_kind ON account (kind, name);
    CREATE INDEX account_owner ON account (owner_id, name);
    CREATE INDEX account_administrator ON account (administrator, disabled);

    ALTER TABLE namespace ADD COLUMN account_id bigint REFERENCES account (id);
    ALTER TABLE namespace ADD COLUMN default_visibility smallint NOT NULL DEFAULT 0;
    ALTER TABLE namespace ADD COLUMN version bigint NOT NULL DEFAULT 1;
    CREATE INDEX namespace_account ON namespace (account_id, name);

    ALTER TABLE repo ADD COLUMN version bigint NOT NULL DEFAULT 1;
    CREATE INDEX repo_public ON repo (visibility, listed, name);
    CREATE INDEX repo_namespace ON repo (ns_id, name);

    CREATE TABLE repo_readme (
      repo_id bigint PRIMARY KEY,
      readme  text NOT NULL
    );

    CREATE TABLE member (
      organisation_id bigint NOT NULL REFERENCES account (id),
      user_id         bigint NOT NULL REFERENCES account (id),
      role            smallint NOT NULL,
      created_at      bigint NOT NULL,
      PRIMARY KEY (organisation_id, user_id)
    );
    CREATE INDEX member_user ON member (user_id, organisation_id, role);

    CREATE TABLE team (
      id              bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      organisation_id bigint NOT NULL REFERENCES account (id),
      name            text COLLATE "C" NOT NULL,
      description     text NOT NULL DEFAULT '',
      created_at      bigint NOT NULL,
      version         bigint NOT NULL DEFAULT 1,
      UNIQUE (organisation_id, name)
    );

    CREATE TABLE team_member (
      team_id bigint NOT NULL REFERENCES team (id),
      user_id bigint NOT NULL REFERENCES account (id),
      PRIMARY KEY (team_id, user_id)
    );
    CREATE INDEX team_member_user ON team_member (user_id, team_id);

    CREATE TABLE access_grant (
      id           bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      ns_id        bigint NOT NULL REFERENCES namespace (id),
      subject_kind smallint NOT NULL,
      subject_id   bigint NOT NULL,
      wild         smallint NOT NULL,
      pattern      text COLLATE "C" NOT NULL,
      verbs        smallint NOT NULL,
      created_at   bigint NOT NULL,
      stage        smallint NOT NULL DEFAULT 0,
      UNIQUE (ns_id, wild, subject_kind, subject_id, pattern)
    );
    CREATE INDEX access_grant_pattern ON access_grant (ns_id, pattern);
    CREATE INDEX access_grant_number ON access_grant (ns_id, id);
    CREATE INDEX access_grant_subject ON access_grant (subject_kind, subject_id, wild, stage, pattern);
    CREATE INDEX access_grant_stage ON access_grant (ns_id, wild, stage);

    CREATE TABLE default_grant (
      ns_id        bigint NOT NULL REFERENCES namespace (id),
      subject_kind smallint NOT NULL,
      subject_id   bigint NOT NULL,
      verbs        smallint NOT NULL,
      PRIMARY KEY (ns_id, subject_kind, subject_id)
    );
    CREATE INDEX default_grant_subject ON default_grant (subject_kind, subject_id);

    CREATE TABLE credential (
      id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      account_id    bigint NOT NULL REFERENCES account (id),
      kind          smallint NOT NULL,
      name          text NOT NULL,
      lookup        bytea UNIQUE,
      verifier      text,
      scopes        text,
      networks      text,
      parent_id     bigint REFERENCES credential (id),
      created_at    bigint NOT NULL,
      expires_at    bigint,
      used_at       bigint,
      used_address  text,
      used_agent    text,
      UNIQUE (account_id, kind, name)
    );
    CREATE INDEX credential_parent ON credential (parent_id);
    CREATE INDEX credential_expiry ON credential (kind, expires_at);

    CREATE TABLE one_time_link (
      id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      lookup        bytea NOT NULL UNIQUE,
      purpose       smallint NOT NULL,
      account_id    bigint REFERENCES account (id),
      role          smallint,
      created_by    text NOT NULL,
      maker_id      bigint,
      credential_id bigint,
      created_at    bigint NOT NULL,
      expires_at    bigint NOT NULL
    );
    CREATE INDEX one_time_link_account ON one_time_link (account_id, purpose);
    CREATE INDEX one_time_link_expiry ON one_time_link (expires_at);

    CREATE TABLE used_assertion (
      id         bytea PRIMARY KEY,
      expires_at bigint NOT NULL
    );
    CREATE INDEX used_assertion_expiry ON used_assertion (expires_at);

    CREATE TABLE signing_key (
      kid         text PRIMARY KEY,
      private_key text NOT NULL,
      public_key  text NOT NULL,
      created_at  bigint NOT NULL
    );

    CREATE TABLE audit (
      id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      at            bigint NOT NULL,
      actor         text COLLATE "C" NOT NULL,
      account_id    bigint,
      credential_id bigint,
      action        text COLLATE "C" NOT NULL,
      target        text NOT NULL,
      namespace     text COLLATE "C",
      result        smallint NOT NULL,
      address       text NOT NULL,
      agent         text NOT NULL,
      request_id    text NOT NULL,
      detail        text
    );
    CREATE INDEX audit_time ON audit (at, id);
    CREATE INDEX audit_namespace ON audit (namespace, id);
    CREATE INDEX audit_actor ON audit (actor, id);
    CREATE INDEX audit_action ON audit (action, id);
  `,
}

internal import BatonCore

/// One step from a layout to the next. Steps are only ever added at the end, and never changed once released.
struct Migration: Sendable {
    /// The statements of the step.
    let sql: String
}

extension Migration {
    /// All steps; the layout's version (`user_version`) is the number of those that were applied.
    static let all = [
        Migration(sql: layout1), Migration(sql: leases), Migration(sql: branches), Migration(sql: ledger), topics, Migration(sql: tracks),
        Migration(sql: traces),
        Migration(sql: summaries), Migration(sql: blobs),
    ]

    /// The span that published an event: its `traceparent`, and behind a space its `tracestate`. Those of sessions have it in their body.
    private static let traces = "ALTER TABLE topic_events ADD COLUMN trace TEXT;"

    /// What is known of each session's leases. Who waits for one stands in `line`, the longest waiting first.
    private static let leases = """
        ALTER TABLE sessions ADD COLUMN lease_policy INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE sessions ADD COLUMN lease_epoch INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE sessions ADD COLUMN lease_holder TEXT NOT NULL DEFAULT '';
        ALTER TABLE sessions ADD COLUMN lease_ms INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE line (
            session INTEGER NOT NULL REFERENCES sessions (pk) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            ticket TEXT NOT NULL,
            asked_ms INTEGER NOT NULL,
            PRIMARY KEY (session, number)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX line_by_ticket ON line (session, ticket);
        """

    /// The layout of new files: tables with a growing rowid and narrow indexes, because appending to the end of a b-tree costs
    /// half of what inserting into the middle of one does.
    ///
    /// - `counters` has one row: the numbers that are given out, never twice, and how often something changed that
    ///   is not an event. Other processes watch it.
    /// - `sessions` holds what every append changes, `profiles` what hardly ever changes and may be large.
    /// - `events` holds the events that can be read. `removed` keeps the times of those taken out, so that their
    ///   places stay valid cursors. An event whose id the store made has no id here.
    /// - `state` belongs to a session or to a scope; their numbers come from one counter.
    /// - `garbage` names what is gone for every reader and still takes space: all that belongs to an owner, or its events up
    ///   to a place. It is deleted in small steps, by whoever has time.
    private static let layout1 = """
        CREATE TABLE counters (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            last_event INTEGER NOT NULL,
            last_owner INTEGER NOT NULL,
            changes INTEGER NOT NULL
        );
        INSERT INTO counters VALUES (1, 0, 0, 0);

        CREATE TABLE sessions (
            pk INTEGER PRIMARY KEY,
            app TEXT NOT NULL,
            user TEXT NOT NULL,
            id TEXT NOT NULL,
            status INTEGER NOT NULL,
            version INTEGER NOT NULL,
            created_ms INTEGER NOT NULL,
            updated_ms INTEGER NOT NULL,
            expires_ms INTEGER NOT NULL,
            ttl INTEGER,
            events INTEGER NOT NULL,
            tail_ms INTEGER NOT NULL,
            tail_seq INTEGER NOT NULL,
            floor_ms INTEGER NOT NULL,
            floor_seq INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            generation TEXT NOT NULL
        );
        CREATE UNIQUE INDEX sessions_by_key ON sessions (app, user, id);
        CREATE INDEX sessions_by_expiry ON sessions (expires_ms) WHERE expires_ms < 9223372036854775807;
        CREATE INDEX sessions_user_updated ON sessions (app, user, updated_ms, id);
        CREATE INDEX sessions_user_created ON sessions (app, user, created_ms, id);
        CREATE INDEX sessions_app_updated ON sessions (app, updated_ms, user, id);
        CREATE INDEX sessions_app_created ON sessions (app, created_ms, user, id);
        CREATE INDEX aside_user_updated ON sessions (app, user, status, updated_ms, id) WHERE status <> 0;
        CREATE INDEX aside_user_created ON sessions (app, user, status, created_ms, id) WHERE status <> 0;
        CREATE INDEX aside_app_updated ON sessions (app, status, updated_ms, user, id) WHERE status <> 0;
        CREATE INDEX aside_app_created ON sessions (app, status, created_ms, user, id) WHERE status <> 0;

        CREATE TABLE profiles (
            session INTEGER PRIMARY KEY REFERENCES sessions (pk) ON DELETE CASCADE,
            title TEXT,
            active_agent TEXT,
            tags TEXT NOT NULL,
            metadata TEXT NOT NULL,
            participants TEXT NOT NULL
        );
        CREATE TABLE tags (
            app TEXT NOT NULL,
            user TEXT NOT NULL,
            tag TEXT NOT NULL,
            session INTEGER NOT NULL REFERENCES sessions (pk) ON DELETE CASCADE,
            PRIMARY KEY (app, user, tag, session)
        ) WITHOUT ROWID;
        CREATE INDEX tags_by_app ON tags (app, tag, session);
        CREATE INDEX tags_by_session ON tags (session);

        CREATE TABLE events (
            pk INTEGER PRIMARY KEY,
            session INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            ms INTEGER NOT NULL,
            edited_ms INTEGER,
            id TEXT,
            role TEXT,
            author TEXT,
            type TEXT,
            branch TEXT,
            body TEXT NOT NULL
        );
        CREATE UNIQUE INDEX events_by_place ON events (session, seq);
        CREATE UNIQUE INDEX events_by_id ON events (session, id) WHERE id IS NOT NULL;
        CREATE TABLE removed (
            session INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            ms INTEGER NOT NULL,
            PRIMARY KEY (session, seq)
        ) WITHOUT ROWID;

        CREATE TABLE requests (
            session INTEGER NOT NULL,
            number INTEGER NOT NULL,
            key TEXT NOT NULL,
            fingerprint INTEGER NOT NULL,
            receipt BLOB NOT NULL
        );
        CREATE UNIQUE INDEX requests_by_key ON requests (session, key);
        CREATE UNIQUE INDEX requests_by_number ON requests (session, number);

        CREATE TABLE scopes (
            pk INTEGER PRIMARY KEY,
            app TEXT NOT NULL,
            user TEXT NOT NULL,
            expires_ms INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX scopes_by_key ON scopes (app, user);
        CREATE INDEX scopes_by_expiry ON scopes (expires_ms) WHERE expires_ms < 9223372036854775807;
        CREATE TABLE state (
            owner INTEGER NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (owner, key)
        ) WITHOUT ROWID;

        CREATE TABLE garbage (
            owner INTEGER PRIMARY KEY,
            through_seq INTEGER NOT NULL
        );
        """

    /// What histories are put together from.
    ///
    /// - `sessions.log` is the number that a session's new events carry; none when that is its own and it shows nothing else.
    /// - `segments` are the logs of such a session, the oldest first, the one that goes on last. A log without segments is garbage.
    /// - `rewinds` are the rewinds of its history, those that it took over among them.
    /// - `ancestors` are the sessions that it descends from, its parent first, whether they are still there or not.
    /// - `leftovers` names deleted sessions whose state and requests still take space: their number may be that of a log which is shown.
    private static let branches = """
        ALTER TABLE sessions ADD COLUMN log INTEGER;
        CREATE INDEX sessions_by_log ON sessions (log) WHERE log IS NOT NULL;
        CREATE TABLE segments (
            session INTEGER NOT NULL,
            position INTEGER NOT NULL,
            log INTEGER NOT NULL,
            generation TEXT NOT NULL,
            first_seq INTEGER NOT NULL,
            last_seq INTEGER NOT NULL,
            overlays INTEGER NOT NULL,
            PRIMARY KEY (session, position)
        ) WITHOUT ROWID;
        CREATE INDEX segments_by_log ON segments (log);
        CREATE TABLE rewinds (
            session INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            target INTEGER NOT NULL,
            PRIMARY KEY (session, seq)
        ) WITHOUT ROWID;
        CREATE TABLE ancestors (
            session INTEGER NOT NULL,
            position INTEGER NOT NULL,
            id TEXT NOT NULL,
            generation TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            at_seq INTEGER NOT NULL,
            PRIMARY KEY (session, position)
        ) WITHOUT ROWID;
        CREATE INDEX forks_by_parent ON ancestors (generation) WHERE position = 0;
        CREATE TABLE leftovers (owner INTEGER PRIMARY KEY);
        """

    /// What tools and people were asked: tool calls with their attempts, and approvals. `number` keeps the order of the first asking. A call that
    /// is held until `held_ms` is ambiguous afterwards; `value` is its result or its error.
    private static let ledger = """
        CREATE TABLE tool_calls (
            session INTEGER NOT NULL,
            number INTEGER NOT NULL,
            key TEXT NOT NULL,
            name TEXT NOT NULL,
            arguments TEXT NOT NULL,
            status INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            holder TEXT,
            held_ms INTEGER,
            value TEXT,
            created_ms INTEGER NOT NULL,
            updated_ms INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX tool_calls_by_key ON tool_calls (session, key);
        CREATE UNIQUE INDEX tool_calls_by_number ON tool_calls (session, number);
        CREATE TABLE approvals (
            session INTEGER NOT NULL,
            number INTEGER NOT NULL,
            key TEXT NOT NULL,
            prompt TEXT NOT NULL,
            deciders TEXT NOT NULL,
            expires_ms INTEGER,
            decision TEXT,
            decider TEXT,
            comment TEXT,
            created_ms INTEGER NOT NULL,
            decided_ms INTEGER
        );
        CREATE UNIQUE INDEX approvals_by_key ON approvals (session, key);
        CREATE UNIQUE INDEX approvals_by_number ON approvals (session, number);
        """

    /// Logs beside the events of sessions. A track's number comes from the counter of owners; `expires_ms` is that of its own lifetime, and its session's
    /// counts as well. An event whose id the store made has no id here.
    private static let tracks = """
        CREATE TABLE tracks (
            pk INTEGER PRIMARY KEY,
            session INTEGER NOT NULL,
            name TEXT NOT NULL,
            generation TEXT NOT NULL,
            ttl INTEGER,
            expires_ms INTEGER NOT NULL,
            tail_ms INTEGER NOT NULL,
            tail_seq INTEGER NOT NULL,
            floor_ms INTEGER NOT NULL,
            floor_seq INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX tracks_by_name ON tracks (session, name);
        CREATE INDEX tracks_by_expiry ON tracks (expires_ms) WHERE expires_ms < 9223372036854775807;
        CREATE TABLE track_events (
            pk INTEGER PRIMARY KEY,
            track INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            ms INTEGER NOT NULL,
            id TEXT,
            body TEXT NOT NULL
        );
        CREATE UNIQUE INDEX track_events_by_place ON track_events (track, seq);
        CREATE UNIQUE INDEX track_events_by_id ON track_events (track, id) WHERE id IS NOT NULL;
        """

    /// Summaries of sessions, one for each filter, and who makes the next: `held_ms` is until when. Without a summary `seq` is 0 and there is no body.
    /// `sessions.tokens` counts what was ever appended.
    private static let summaries = """
        ALTER TABLE sessions ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE summaries (
            session INTEGER NOT NULL REFERENCES sessions (pk) ON DELETE CASCADE,
            filter TEXT NOT NULL,
            seq INTEGER NOT NULL,
            ms INTEGER NOT NULL,
            created_ms INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            held_ms INTEGER NOT NULL,
            holder TEXT NOT NULL,
            body TEXT
        );
        CREATE UNIQUE INDEX summaries_by_filter ON summaries (session, filter);
        """

    /// Contents that are kept apart from their events, once in each log. `events.blob` names the one that a body refers to; a content goes with the last
    /// event of its log that does.
    private static let blobs = """
        ALTER TABLE events ADD COLUMN blob TEXT;
        CREATE INDEX events_by_blob ON events (session, blob) WHERE blob IS NOT NULL;
        CREATE TABLE blobs (
            pk INTEGER PRIMARY KEY,
            log INTEGER NOT NULL,
            digest TEXT NOT NULL,
            bytes BLOB NOT NULL
        );
        CREATE UNIQUE INDEX blobs_by_digest ON blobs (log, digest);
        CREATE TRIGGER blob_of_deleted AFTER DELETE ON events WHEN old.blob IS NOT NULL BEGIN
            DELETE FROM blobs WHERE log = old.session AND digest = old.blob
                AND NOT EXISTS (SELECT 1 FROM events WHERE session = old.session AND blob = old.blob);
        END;
        CREATE TRIGGER blob_of_replaced AFTER UPDATE OF blob ON events WHEN old.blob IS NOT NULL AND old.blob IS NOT new.blob BEGIN
            DELETE FROM blobs WHERE log = old.session AND digest = old.blob
                AND NOT EXISTS (SELECT 1 FROM events WHERE session = old.session AND blob = old.blob);
        END;
        """
}

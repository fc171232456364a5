extension Migration {
    /// The event bus. Topics and groups have numbers from the counter of owners, so that what they leave is garbage like that of sessions.
    ///
    /// - `topics` has a row for the topic `sessions` from the beginning. Its log is the tables `events` and `session_changes`, merged by the
    ///   number that both take from `counters.last_event`; only its floor and its retention stand here.
    /// - `held` is what a group has not finished: state 1 when it is handed out or due some time, 0 while it waits behind another of its key.
    ///   A place is an event's seq, in `sessions` its number. `event` is a copy for what may be gone from its topic.
    /// - `signals` holds what other processes have not seen yet, for a minute.
    static let topics = Migration(
        sql: """
            CREATE TABLE topics (
                pk INTEGER PRIMARY KEY,
                name TEXT NOT NULL,
                generation TEXT NOT NULL,
                tail_ms INTEGER NOT NULL,
                tail_seq INTEGER NOT NULL,
                floor_ms INTEGER NOT NULL,
                floor_seq INTEGER NOT NULL,
                bytes INTEGER NOT NULL,
                requests INTEGER NOT NULL,
                maximum_events INTEGER,
                maximum_bytes INTEGER,
                maximum_age INTEGER,
                is_safe INTEGER NOT NULL
            );
            CREATE UNIQUE INDEX topics_by_name ON topics (name);
            UPDATE counters SET last_owner = last_owner + 1;
            INSERT INTO topics
                SELECT last_owner, 'sessions', lower(hex(randomblob(8))), 0, 0, 0, 0, 0, 0, 100000, NULL, 604800, 0 FROM counters;

            CREATE TABLE topic_events (
                pk INTEGER PRIMARY KEY,
                topic INTEGER NOT NULL,
                seq INTEGER NOT NULL,
                ms INTEGER NOT NULL,
                bytes INTEGER NOT NULL,
                time_ms INTEGER,
                id TEXT,
                type TEXT NOT NULL,
                key TEXT,
                data TEXT NOT NULL
            );
            CREATE UNIQUE INDEX topic_events_by_place ON topic_events (topic, seq);
            CREATE UNIQUE INDEX topic_events_by_id ON topic_events (topic, id) WHERE id IS NOT NULL;

            CREATE TABLE session_changes (
                pk INTEGER PRIMARY KEY,
                ms INTEGER NOT NULL,
                type TEXT NOT NULL,
                app TEXT NOT NULL,
                user TEXT NOT NULL,
                id TEXT NOT NULL,
                session INTEGER,
                seq INTEGER
            );

            CREATE TABLE consumer_groups (
                pk INTEGER PRIMARY KEY,
                topic INTEGER NOT NULL,
                name TEXT NOT NULL,
                maximum_deliveries INTEGER NOT NULL,
                lease INTEGER NOT NULL,
                backoff INTEGER NOT NULL,
                maximum_backoff INTEGER NOT NULL,
                is_ordered INTEGER NOT NULL,
                place INTEGER NOT NULL,
                place_ms INTEGER NOT NULL,
                tokens INTEGER NOT NULL,
                pending INTEGER NOT NULL,
                dead INTEGER NOT NULL,
                lost INTEGER NOT NULL
            );
            CREATE UNIQUE INDEX consumer_groups_by_name ON consumer_groups (topic, name);
            CREATE TABLE consumers (
                owner INTEGER NOT NULL,
                name TEXT NOT NULL,
                seen_ms INTEGER NOT NULL,
                PRIMARY KEY (owner, name)
            ) WITHOUT ROWID;
            CREATE TABLE held (
                owner INTEGER NOT NULL,
                place INTEGER NOT NULL,
                ms INTEGER NOT NULL,
                state INTEGER NOT NULL,
                due_ms INTEGER NOT NULL,
                token INTEGER,
                consumer TEXT,
                attempt INTEGER NOT NULL,
                key TEXT,
                history TEXT,
                event TEXT,
                PRIMARY KEY (owner, place)
            ) WITHOUT ROWID;
            CREATE INDEX held_by_due ON held (owner, due_ms, place) WHERE state = 1;
            CREATE INDEX held_by_key ON held (owner, key, place) WHERE key IS NOT NULL;
            CREATE TABLE dead (
                owner INTEGER NOT NULL,
                place INTEGER NOT NULL,
                ms INTEGER NOT NULL,
                dead_ms INTEGER NOT NULL,
                key TEXT,
                history TEXT NOT NULL,
                event TEXT,
                PRIMARY KEY (owner, place)
            ) WITHOUT ROWID;

            CREATE TABLE signals (
                pk INTEGER PRIMARY KEY,
                ms INTEGER NOT NULL,
                sender TEXT NOT NULL,
                channel TEXT NOT NULL,
                payload TEXT NOT NULL
            );
            """)
}

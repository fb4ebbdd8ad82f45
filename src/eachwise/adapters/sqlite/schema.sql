-- The whole schema as it stands: the sum of migrations/, kept equal by a test.
-- Every table's key begins with the project, or is a number that the whole file shares.

-- The log. Never updated, never deleted from: a sequence is the rowid, so it ascends without gaps.
-- body: msgpack of the Event. decision_id: properties.decision_id. device_id: context.device.id.
-- email: lower-cased traits.email of an identify without user id.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    occurred_at_us INTEGER NOT NULL,
    user_id TEXT,
    anonymous_id TEXT,
    device_id TEXT,
    decision_id TEXT,
    email TEXT,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX events_message ON events (project_id, message_id);
CREATE INDEX events_user ON events (project_id, user_id, occurred_at_us)
    WHERE user_id IS NOT NULL;
CREATE INDEX events_anonymous ON events (project_id, anonymous_id, occurred_at_us)
    WHERE anonymous_id IS NOT NULL;
CREATE INDEX events_device ON events (project_id, device_id, occurred_at_us)
    WHERE device_id IS NOT NULL;
CREATE INDEX events_decision ON events (project_id, decision_id, occurred_at_us)
    WHERE decision_id IS NOT NULL;

-- What was turned away, as sent (cut to a limit by the sender of the row).
CREATE TABLE rejections (
    number INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    received_at_us INTEGER NOT NULL,
    source TEXT NOT NULL,
    place INTEGER NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX rejections_project ON rejections (project_id, number);

-- State of each individual (msgpack), folded up to the watermark in meta.
CREATE TABLE individuals (
    project_id TEXT NOT NULL,
    individual_id TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (project_id, individual_id)
);

-- What is known of each identifier (msgpack).
CREATE TABLE identities (
    project_id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, identifier)
) WITHOUT ROWID;

-- Mergeable statistics of the population (msgpack).
CREATE TABLE statistics (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, name)
);

-- Decision records (msgpack). number: the order in which they were made.
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    decision_id TEXT NOT NULL,
    individual_id TEXT NOT NULL,
    request_id TEXT,
    decided_at_us INTEGER NOT NULL,
    learnt INTEGER NOT NULL DEFAULT 0,
    record BLOB NOT NULL
);
CREATE UNIQUE INDEX decisions_id ON decisions (project_id, decision_id);
CREATE INDEX decisions_individual ON decisions (project_id, individual_id, decided_at_us);
CREATE INDEX decisions_request ON decisions (project_id, individual_id, request_id)
    WHERE request_id IS NOT NULL;
CREATE INDEX decisions_learnt ON decisions (project_id, learnt, decided_at_us);

-- Published model versions. base 0: a snapshot, else what was learnt since that version.
CREATE TABLE models (
    project_id TEXT NOT NULL,
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    base INTEGER NOT NULL,
    created_at_us INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, model, version)
);

-- When the newest decision that used a version was made: older than the retention, none is kept.
CREATE TABLE model_uses (
    project_id TEXT NOT NULL,
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    last_used_us INTEGER NOT NULL,
    PRIMARY KEY (project_id, model, version)
) WITHOUT ROWID;

-- History of the catalogue: an item as of a version (msgpack), NULL where it was removed.
CREATE TABLE items (
    project_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB,
    PRIMARY KEY (project_id, item_id, version)
);

-- Versions of the catalogue, those that changed no item included.
CREATE TABLE catalogs (
    project_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (project_id, version)
) WITHOUT ROWID;

-- Experiences and placements, whole, by version (msgpack).
CREATE TABLE definitions (
    project_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, version)
);

-- Journeys by version (msgpack).
CREATE TABLE journeys (
    project_id TEXT NOT NULL,
    journey_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, journey_id, version)
);

-- Where people stand in journeys: the msgpack of the Instance, and what it is looked up by.
-- An instance is its own timer: wake_at_us of an active one (0: none).
CREATE TABLE instances (
    project_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    individual_id TEXT NOT NULL,
    journey_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    key TEXT NOT NULL,
    arm TEXT NOT NULL,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    wake_at_us INTEGER NOT NULL,
    entered_at_us INTEGER NOT NULL,
    moved_at_us INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, instance_id)
);
CREATE INDEX instances_individual
    ON instances (project_id, individual_id, entered_at_us, instance_id);
CREATE INDEX instances_wake ON instances (project_id, wake_at_us, instance_id)
    WHERE status = 'active' AND wake_at_us > 0;
CREATE INDEX instances_live ON instances (project_id, individual_id, status)
    WHERE status = 'active';
CREATE INDEX instances_journey
    ON instances (project_id, journey_id, instance_id, status, step);
CREATE INDEX instances_standing
    ON instances (project_id, journey_id, version, arm, status, step);

-- The outbox: the msgpack of the Message, and what it is looked up by.
CREATE TABLE messages (
    project_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    individual_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at_us INTEGER NOT NULL,
    claimed_by TEXT NOT NULL,
    claimed_until_us INTEGER NOT NULL,
    created_at_us INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, message_id)
);
CREATE INDEX messages_individual
    ON messages (project_id, individual_id, created_at_us, message_id);
CREATE INDEX messages_due ON messages (project_id, channel, due_at_us, message_id)
    WHERE state IN ('pending', 'claimed');
CREATE INDEX messages_state
    ON messages (project_id, state, message_id, channel, created_at_us);

-- How far each imported file was taken. digest: SHA-256 of its content.
CREATE TABLE imports (
    project_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    next_row INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    PRIMARY KEY (project_id, digest)
) WITHOUT ROWID;

-- Numbers of the project: watermark (last sequence folded), events (how many the log holds).
CREATE TABLE meta (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) WITHOUT ROWID;

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

-- Every statement of the embedded store: a name, its purpose, the statement.
-- In a statement with VALUES the loader may repeat the row: one step then takes many rows.

-- name: events_append
-- Append events in order; one whose message id is in the log already is passed over.
INSERT OR IGNORE INTO events (
    project_id, message_id, occurred_at_us,
    user_id, anonymous_id, device_id, decision_id, email, body
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: events_last
-- The last sequence given in the file.
SELECT coalesce(max(sequence), 0) FROM events;

-- name: events_appended
-- Which messages were appended after a sequence.
SELECT message_id, sequence FROM events WHERE sequence > ?;

-- name: events_known
-- Which messages are in the log.
SELECT message_id FROM events WHERE project_id = ? AND message_id IN (VALUES (?));

-- name: events_after
-- The log in order, after a sequence.
SELECT sequence, body FROM events
WHERE project_id = ? AND sequence > ? ORDER BY sequence LIMIT ?;

-- name: events_at
-- Events by their sequences.
SELECT sequence, body FROM events WHERE sequence IN (VALUES (?));

-- name: event
-- The durable version of a message.
SELECT sequence, body FROM events WHERE project_id = ? AND message_id = ?;

-- name: events_of_users
-- Where the events of user ids are, and their time order.
SELECT occurred_at_us, message_id, sequence FROM events
WHERE project_id = ? AND user_id IN (VALUES (?));

-- name: events_of_anonymous
-- Where the events of anonymous ids are, and their time order.
SELECT occurred_at_us, message_id, sequence FROM events
WHERE project_id = ? AND anonymous_id IN (VALUES (?));

-- name: events_of_devices
-- Where the events of device ids are, and their time order.
SELECT occurred_at_us, message_id, sequence FROM events
WHERE project_id = ? AND device_id IN (VALUES (?));

-- name: logins_on_anonymous
-- Events of an anonymous id that name who it was.
SELECT occurred_at_us, message_id, user_id, email FROM events
WHERE project_id = ? AND anonymous_id = ? AND (user_id IS NOT NULL OR email IS NOT NULL);

-- name: logins_on_device
-- Events of a device that name who held it.
SELECT occurred_at_us, message_id, user_id, email FROM events
WHERE project_id = ? AND device_id = ? AND (user_id IS NOT NULL OR email IS NOT NULL);

-- name: outcomes_of
-- Events that name a decision, in time order.
SELECT sequence, body FROM events
WHERE project_id = ? AND decision_id = ? ORDER BY occurred_at_us, message_id;

-- name: rejections_append
-- Keep what was turned away.
INSERT INTO rejections (project_id, received_at_us, source, place, code, reason, body)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: rejections_after
-- Rejections in order of receipt, after a number.
SELECT number, received_at_us, source, place, code, reason, body FROM rejections
WHERE project_id = ? AND number > ? ORDER BY number LIMIT ?;

-- name: individuals_put
-- Store states.
INSERT INTO individuals (project_id, individual_id, state) VALUES (?, ?, ?)
ON CONFLICT (project_id, individual_id) DO UPDATE SET state = excluded.state;

-- name: individuals_delete
-- Forget states.
DELETE FROM individuals WHERE project_id = ? AND individual_id IN (VALUES (?));

-- name: individual
-- One stored state.
SELECT state FROM individuals WHERE project_id = ? AND individual_id = ?;

-- name: individuals_after
-- Stored individuals in the order in which they lie, after one (the + keeps an index out of it).
SELECT rowid, individual_id, state FROM individuals
WHERE +project_id = ? AND rowid > ? ORDER BY rowid LIMIT ?;

-- name: individual_ids
-- Ids of stored individuals, after one.
SELECT individual_id FROM individuals
WHERE project_id = ? AND individual_id > ? ORDER BY individual_id LIMIT ?;

-- name: identities_put
-- Store what is known of identifiers.
INSERT INTO identities (project_id, identifier, body) VALUES (?, ?, ?)
ON CONFLICT (project_id, identifier) DO UPDATE SET body = excluded.body;

-- name: identities_delete
-- Forget identifiers.
DELETE FROM identities WHERE project_id = ? AND identifier IN (VALUES (?));

-- name: identity
-- What is known of one identifier.
SELECT body FROM identities WHERE project_id = ? AND identifier = ?;

-- name: statistics_put
-- Store statistics.
INSERT INTO statistics (project_id, name, body) VALUES (?, ?, ?)
ON CONFLICT (project_id, name) DO UPDATE SET body = excluded.body;

-- name: statistics_delete
-- Forget statistics.
DELETE FROM statistics WHERE project_id = ? AND name IN (VALUES (?));

-- name: statistic
-- One statistic.
SELECT body FROM statistics WHERE project_id = ? AND name = ?;

-- name: decisions_append
-- Append records; an id that is there already is refused.
INSERT INTO decisions (
    project_id, decision_id, individual_id, request_id, decided_at_us, record
) VALUES (?, ?, ?, ?, ?, ?);

-- name: decisions_mark_learnt
-- Note that the learner has taken decisions in.
UPDATE decisions SET learnt = 1 WHERE project_id = ? AND decision_id IN (VALUES (?));

-- name: decision
-- One record.
SELECT record FROM decisions WHERE project_id = ? AND decision_id = ?;

-- name: decisions_of_request
-- Records of one request, in the order they were made.
SELECT record FROM decisions
WHERE project_id = ? AND individual_id = ? AND request_id = ? ORDER BY number;

-- name: decisions_of
-- An individual's newest records.
SELECT record FROM decisions
WHERE project_id = ? AND individual_id = ? ORDER BY decided_at_us DESC, number DESC LIMIT ?;

-- name: decisions_of_before
-- An individual's newest records among those older than a decision.
SELECT record FROM decisions
WHERE project_id = ? AND individual_id = ? AND (decided_at_us, number) < (
    SELECT decided_at_us, number FROM decisions WHERE project_id = ? AND decision_id = ?
)
ORDER BY decided_at_us DESC, number DESC LIMIT ?;

-- name: decisions_unlearnt
-- The next records not learnt from, after (time, number), oldest first.
SELECT decided_at_us, number, record FROM decisions
WHERE project_id = ? AND learnt = 0 AND (decided_at_us, number) > (?, ?)
ORDER BY decided_at_us, number LIMIT ?;

-- name: decisions_between
-- The next decisions after (time, number) and before a time, learnt from or not, oldest first.
SELECT decided_at_us, number, decision_id, individual_id FROM (
    SELECT * FROM (
        SELECT decided_at_us, number, decision_id, individual_id FROM decisions
        WHERE project_id = ?1 AND learnt = 0
            AND (decided_at_us, number) > (?2, ?3) AND decided_at_us < ?4
        ORDER BY decided_at_us, number LIMIT ?5
    )
    UNION ALL
    SELECT * FROM (
        SELECT decided_at_us, number, decision_id, individual_id FROM decisions
        WHERE project_id = ?1 AND learnt = 1
            AND (decided_at_us, number) > (?2, ?3) AND decided_at_us < ?4
        ORDER BY decided_at_us, number LIMIT ?5
    )
)
ORDER BY decided_at_us, number LIMIT ?5;

-- name: decisions_prune
-- Drop some records made before a time.
DELETE FROM decisions WHERE number IN (
    SELECT number FROM decisions
    WHERE project_id = ? AND learnt IN (0, 1) AND decided_at_us < ? LIMIT ?
);

-- name: models_publish
-- Publish versions; one that is there already is refused.
INSERT INTO models (project_id, model, version, base, created_at_us, body)
VALUES (?, ?, ?, ?, ?, ?);

-- name: model_uses_put
-- Note the newest decision that used a version.
INSERT INTO model_uses (project_id, model, version, last_used_us) VALUES (?, ?, ?, ?)
ON CONFLICT (project_id, model, version)
DO UPDATE SET last_used_us = max(last_used_us, excluded.last_used_us);

-- name: model_uses_since
-- Which versions a decision made since a time has used.
SELECT model, version FROM model_uses WHERE project_id = ? AND last_used_us >= ?;

-- name: model_uses_prune
-- Forget uses by decisions that are gone.
DELETE FROM model_uses WHERE project_id = ? AND last_used_us < ?;

-- name: model
-- One version of a model.
SELECT model, version, base, created_at_us, body FROM models
WHERE project_id = ? AND model = ? AND version = ?;

-- name: model_newest
-- The newest version of a model.
SELECT model, version, base, created_at_us, body FROM models
WHERE project_id = ? AND model = ? ORDER BY version DESC LIMIT 1;

-- name: model_versions
-- The newest versions of a model and the sizes of their bodies.
SELECT version, base, created_at_us, length(body) FROM models
WHERE project_id = ? AND model = ? ORDER BY version DESC LIMIT ?;

-- name: models_since
-- Versions after one, up to another, ascending.
SELECT model, version, base, created_at_us, body FROM models
WHERE project_id = ? AND model = ? AND version > ? AND version <= ? ORDER BY version;

-- name: model_bases
-- Every version of every model with its base.
SELECT model, version, base FROM models WHERE project_id = ?;

-- name: models_delete
-- Drop versions of a model.
DELETE FROM models WHERE project_id = ? AND model = ? AND version IN (VALUES (?));

-- name: items_put
-- Add items to the history at a version (NULL: removed), unless nothing changes by it.
WITH new (project_id, item_id, version, body) AS (VALUES (?, ?, ?, ?))
INSERT INTO items (project_id, item_id, version, body)
SELECT project_id, item_id, version, body FROM new
WHERE body IS NOT (
    SELECT old.body FROM items AS old
    WHERE old.project_id = new.project_id AND old.item_id = new.item_id
    ORDER BY old.version DESC LIMIT 1
)
ON CONFLICT (project_id, item_id, version) DO UPDATE SET body = excluded.body;

-- name: catalogs_put
-- Begin a version of the catalogue.
INSERT OR IGNORE INTO catalogs (project_id, version) VALUES (?, ?);

-- name: catalog_version
-- The newest version of the catalogue at or before one.
SELECT coalesce(max(version), 0) FROM catalogs WHERE project_id = ? AND version <= ?;

-- name: catalog
-- The items as they stood at a version, by id.
SELECT body FROM (
    SELECT item_id, body, max(version) FROM items
    WHERE project_id = ? AND version <= ? GROUP BY item_id
) WHERE body IS NOT NULL ORDER BY item_id;

-- name: definitions_put
-- Keep a version of the definitions; one that is there already is refused.
INSERT INTO definitions (project_id, version, body) VALUES (?, ?, ?);

-- name: definitions
-- The definitions at a version.
SELECT body FROM definitions WHERE project_id = ? AND version = ?;

-- name: definitions_newest
-- The newest definitions.
SELECT body FROM definitions WHERE project_id = ? ORDER BY version DESC LIMIT 1;

-- name: imports_put
-- Note how far files were taken.
INSERT INTO imports (project_id, digest, next_row, accepted, rejected, finished)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, digest) DO UPDATE SET
    next_row = excluded.next_row, accepted = excluded.accepted,
    rejected = excluded.rejected, finished = excluded.finished;

-- name: import_progress
-- How far one file was taken.
SELECT digest, next_row, accepted, rejected, finished FROM imports
WHERE project_id = ? AND digest = ?;

-- name: meta
-- One number of the project.
SELECT value FROM meta WHERE project_id = ? AND name = ?;

-- name: meta_set
-- Set one number of the project.
INSERT INTO meta (project_id, name, value) VALUES (?, ?, ?)
ON CONFLICT (project_id, name) DO UPDATE SET value = excluded.value;

-- name: meta_add
-- Add to one number of the project.
INSERT INTO meta (project_id, name, value) VALUES (?, ?, ?)
ON CONFLICT (project_id, name) DO UPDATE SET value = value + excluded.value;

-- name: counts
-- How many of each there are.
SELECT
    coalesce((SELECT value FROM meta WHERE project_id = :project_id AND name = 'events'), 0),
    (SELECT count(*) FROM rejections WHERE project_id = :project_id),
    (SELECT count(*) FROM individuals WHERE project_id = :project_id),
    (SELECT count(*) FROM decisions WHERE project_id = :project_id);

-- name: count_items
-- How many items the newest catalogue holds.
SELECT count(*) FROM (
    SELECT body, max(version) FROM items WHERE project_id = ? GROUP BY item_id
) WHERE body IS NOT NULL;

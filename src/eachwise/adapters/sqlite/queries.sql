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
-- Where the events of user ids in a time are, and their order.
SELECT occurred_at_us, message_id, sequence FROM events
WHERE project_id = ? AND occurred_at_us > ? AND occurred_at_us <= ?
    AND user_id IN (VALUES (?));

-- name: events_of_anonymous
-- Where the events of anonymous ids in a time are, and their order.
SELECT occurred_at_us, message_id, sequence FROM events
WHERE project_id = ? AND occurred_at_us > ? AND occurred_at_us <= ?
    AND anonymous_id IN (VALUES (?));

-- name: events_of_devices
-- Where the events of device ids in a time are, and their order.
SELECT occurred_at_us, message_id, sequence FROM events
WHERE project_id = ? AND occurred_at_us > ? AND occurred_at_us <= ?
    AND device_id IN (VALUES (?));

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

-- name: journeys_put
-- Keep versions of journeys; the later word on a version holds.
INSERT INTO journeys (project_id, journey_id, version, body) VALUES (?, ?, ?, ?)
ON CONFLICT (project_id, journey_id, version) DO UPDATE SET body = excluded.body;

-- name: journeys
-- Every version of every journey.
SELECT body FROM journeys WHERE project_id = ? ORDER BY journey_id, version;

-- name: instances_put
-- Store where people stand in journeys.
INSERT INTO instances (
    project_id, instance_id, individual_id, journey_id, version, key,
    arm, status, step, wake_at_us, entered_at_us, moved_at_us, body
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, instance_id) DO UPDATE SET
    individual_id = excluded.individual_id, journey_id = excluded.journey_id,
    version = excluded.version, key = excluded.key, arm = excluded.arm,
    status = excluded.status, step = excluded.step, wake_at_us = excluded.wake_at_us,
    entered_at_us = excluded.entered_at_us, moved_at_us = excluded.moved_at_us,
    body = excluded.body;

-- name: instances_delete
-- Forget instances.
DELETE FROM instances WHERE project_id = ? AND instance_id IN (VALUES (?));

-- name: instances_drop
-- Drop an instance that has ended.
DELETE FROM instances WHERE project_id = ? AND instance_id = ? AND status <> 'active';

-- name: instance
-- One instance.
SELECT body FROM instances WHERE project_id = ? AND instance_id = ?;

-- name: instances_of
-- A person's instances, the earliest first; only those of a journey where it is not NULL.
SELECT body FROM instances
WHERE project_id = ?1 AND individual_id = ?2 AND (?3 IS NULL OR journey_id = ?3)
ORDER BY entered_at_us, instance_id;

-- name: instances_live_of
-- Those of them that are live. Sorted by an expression: the order's own index would go through all that ended, too.
SELECT body FROM instances
WHERE project_id = ?1 AND individual_id = ?2 AND status = 'active'
    AND (?3 IS NULL OR journey_id = ?3)
ORDER BY +entered_at_us, instance_id;

-- name: instances_due
-- Live instances whose timer is due.
SELECT body FROM instances
WHERE project_id = ? AND status = 'active' AND wake_at_us > 0 AND wake_at_us <= ?
ORDER BY wake_at_us, instance_id LIMIT ?;

-- name: instances_next_wake
-- When the next timer is due.
SELECT wake_at_us FROM instances
WHERE project_id = ? AND status = 'active' AND wake_at_us > 0 ORDER BY wake_at_us LIMIT 1;

-- name: instances_at
-- Instances of a journey by id, after one, of a status and at a step where these are not NULL.
SELECT body FROM instances
WHERE project_id = ?1 AND journey_id = ?2 AND instance_id > ?3
    AND (?4 IS NULL OR status = ?4) AND (?5 IS NULL OR step = ?5)
ORDER BY instance_id LIMIT ?6;

-- name: instance_counts
-- How many instances of a journey stand alike; the step matters of live ones.
SELECT
    version, arm, status, CASE WHEN status = 'active' THEN step ELSE '' END AS place, sum(alike)
FROM (
    SELECT version, arm, status, step, count(*) AS alike
    FROM instances WHERE project_id = ? AND journey_id = ?
    GROUP BY version, arm, status, step
)
GROUP BY version, arm, status, place ORDER BY version, arm, status, place;

-- name: instances_outlived
-- Ended instances, moved last before a time, that a later ended one of the same person, journey and key outlives, and
-- that are not the person's first of the journey.
SELECT instance_id FROM instances AS old
WHERE project_id = ? AND instance_id > ? AND status <> 'active' AND moved_at_us < ? AND EXISTS (
    SELECT 1 FROM instances AS later
    WHERE later.project_id = old.project_id AND later.individual_id = old.individual_id
        AND later.journey_id = old.journey_id AND later.key = old.key AND later.status <> 'active'
        AND (later.moved_at_us, later.instance_id) > (old.moved_at_us, old.instance_id)
) AND EXISTS (
    SELECT 1 FROM instances AS first
    WHERE first.project_id = old.project_id AND first.individual_id = old.individual_id
        AND first.journey_id = old.journey_id
        AND (first.entered_at_us, first.instance_id) < (old.entered_at_us, old.instance_id)
)
ORDER BY instance_id LIMIT ?;

-- name: messages_append
-- Put messages into the outbox; one whose id is there already is passed over.
INSERT INTO messages (
    project_id, message_id, individual_id, channel, state,
    due_at_us, claimed_by, claimed_until_us, created_at_us, body
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, message_id) DO NOTHING;

-- name: messages_settle
-- Change a message, if it is with the same worker still and is not over and done with.
UPDATE messages SET
    individual_id = ?3, channel = ?4, state = ?5, due_at_us = ?6,
    claimed_by = ?7, claimed_until_us = ?8, created_at_us = ?9, body = ?10
WHERE project_id = ?1 AND message_id = ?2 AND claimed_by = ?11 AND (
    state IN ('pending', 'claimed', 'sending', 'unknown')
    OR (state IN ('held', 'dead', 'discarded') AND ?5 IN ('pending', 'discarded'))
);

-- name: messages_channel_after
-- The next channel that has messages to claim, after one.
SELECT channel FROM messages
WHERE project_id = ? AND state IN ('pending', 'claimed') AND channel > ?
ORDER BY channel LIMIT 1;

-- name: messages_claimable
-- Messages of a channel that are due and free, or whose worker's time is over.
SELECT due_at_us, message_id, claimed_by, body FROM messages
WHERE project_id = ?1 AND channel = ?2 AND state IN ('pending', 'claimed') AND due_at_us <= ?3
    AND (state = 'pending' OR claimed_until_us <= ?3)
ORDER BY due_at_us, message_id LIMIT ?4;

-- name: messages_claim
-- Give a message to a worker, if it is with the same one as when it was found.
UPDATE messages SET state = 'claimed', claimed_by = ?3, claimed_until_us = ?4, body = ?5
WHERE project_id = ?1 AND message_id = ?2 AND claimed_by = ?6 AND state IN ('pending', 'claimed');

-- name: message
-- One message.
SELECT body FROM messages WHERE project_id = ? AND message_id = ?;

-- name: messages_after
-- Messages by id, after one.
SELECT body FROM messages WHERE project_id = ? AND message_id > ? ORDER BY message_id LIMIT ?;

-- name: messages_in
-- Messages in one state by id, after one.
SELECT body FROM messages
WHERE project_id = ? AND state = ? AND message_id > ? ORDER BY message_id LIMIT ?;

-- name: messages_of
-- A person's newest messages.
SELECT body FROM messages
WHERE project_id = ? AND individual_id = ? ORDER BY created_at_us DESC, message_id DESC LIMIT ?;

-- name: messages_open
-- Which messages are open (the + keeps it from going through all by their ids).
SELECT message_id FROM messages
WHERE project_id = ? AND state IN ('pending', 'claimed', 'sending', 'unknown')
ORDER BY +message_id;

-- name: messages_at
-- Messages by their ids.
SELECT message_id, state, body FROM messages WHERE project_id = ? AND message_id IN (VALUES (?));

-- name: messages_done
-- Messages in one state by id, after one, that were made before a time.
SELECT message_id FROM messages
WHERE project_id = ? AND state = ? AND message_id > ? AND created_at_us < ?
ORDER BY message_id LIMIT ?;

-- name: messages_drop
-- Drop a message that is not open.
DELETE FROM messages
WHERE project_id = ? AND message_id = ?
    AND state NOT IN ('pending', 'claimed', 'sending', 'unknown');

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
    (SELECT count(*) FROM decisions WHERE project_id = :project_id),
    (SELECT count(*) FROM instances WHERE project_id = :project_id AND status = 'active'),
    (
        SELECT count(*) FROM messages WHERE project_id = :project_id
            AND state IN ('pending', 'claimed', 'sending', 'unknown')
    );

-- name: count_items
-- How many items the newest catalogue holds.
SELECT count(*) FROM (
    SELECT body, max(version) FROM items WHERE project_id = ? GROUP BY item_id
) WHERE body IS NOT NULL;

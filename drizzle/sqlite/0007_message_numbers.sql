-- Messages and inboxes refer to projects and agents by numbers. The 36 characters of an id in each index cost a fifth of
-- the statements of a message. The numbers are in `identifiers`, where triggers add them; they are never reused or deleted.
CREATE TABLE `identifiers` (
	`number` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `identifiers_id_unique` ON `identifiers` (`id`);--> statement-breakpoint
-- Triggers name tables that the next statements replace.
DROP TRIGGER agents_get_a_mailbox;
--> statement-breakpoint
DROP TRIGGER messages_counted_in;
--> statement-breakpoint
DROP TRIGGER messages_counted_over;
--> statement-breakpoint
DROP TRIGGER messages_counted_across;
--> statement-breakpoint
DROP TRIGGER messages_counted_out;
--> statement-breakpoint
-- Agents that sent messages may have been deleted since.
INSERT INTO identifiers (id)
SELECT id FROM (
  SELECT 0 AS kind, created_at AS at, id FROM projects
  UNION ALL SELECT 1, registered_at, id FROM agents
  UNION ALL SELECT 2, 0, from_agent FROM (SELECT DISTINCT from_agent FROM messages WHERE from_agent NOT IN (SELECT id FROM agents))
) ORDER BY kind, at, id;
--> statement-breakpoint
CREATE TABLE `__new_mailboxes` (
	`agent_id` integer PRIMARY KEY NOT NULL,
	`project_id` integer NOT NULL,
	`accepted` integer DEFAULT 0 NOT NULL,
	`pending` integer DEFAULT 0 NOT NULL,
	`delivered` integer DEFAULT 0 NOT NULL,
	`acked` integer DEFAULT 0 NOT NULL,
	`dead` integer DEFAULT 0 NOT NULL,
	`expired` integer DEFAULT 0 NOT NULL,
	`purged` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`agent_id`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`project_id`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "mailboxes_conserved" CHECK(accepted = pending + delivered + acked + dead + expired + purged and pending >= 0 and delivered >= 0 and acked >= 0 and dead >= 0)
);
--> statement-breakpoint
INSERT INTO `__new_mailboxes`("agent_id", "project_id", "accepted", "pending", "delivered", "acked", "dead", "expired", "purged")
SELECT (SELECT number FROM identifiers WHERE id = mailboxes.agent_id), (SELECT number FROM identifiers WHERE id = mailboxes.project_id), "accepted", "pending", "delivered", "acked", "dead", "expired", "purged" FROM `mailboxes`;
--> statement-breakpoint
DROP TABLE `mailboxes`;--> statement-breakpoint
ALTER TABLE `__new_mailboxes` RENAME TO `mailboxes`;--> statement-breakpoint
CREATE INDEX `mailboxes_project` ON `mailboxes` (`project_id`);--> statement-breakpoint
CREATE TABLE `__new_messages` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`project_id` integer NOT NULL,
	`from_agent` integer,
	`to_agent` integer NOT NULL,
	`address` text,
	`type` text NOT NULL,
	`payload` text,
	`body_id` text,
	`priority` integer NOT NULL,
	`mode` integer DEFAULT 1 NOT NULL,
	`status` text DEFAULT 'pending' NOT NULL,
	`ready` integer,
	`thread_id` text,
	`reply_to` text,
	`correlation_id` text,
	`task_id` text,
	`created_at` integer NOT NULL,
	`delivered_at` integer,
	`shown_at` integer,
	`retry_count` integer DEFAULT 0 NOT NULL,
	`max_deliver` integer NOT NULL,
	`redrives` integer DEFAULT 0 NOT NULL,
	`expires_at` integer,
	`receipt` text,
	`ack_by` integer,
	`not_before` integer,
	`ended_at` integer,
	`last_error` text,
	FOREIGN KEY (`project_id`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`from_agent`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`to_agent`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`body_id`) REFERENCES `bodies`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "messages_status_known" CHECK(status in ('pending', 'delivered', 'acked', 'dead', 'expired')),
	CONSTRAINT "messages_receipt_when_delivered" CHECK(status <> 'delivered' or receipt is not null),
	CONSTRAINT "messages_one_payload" CHECK((payload is null) <> (body_id is null))
);
--> statement-breakpoint
INSERT INTO `__new_messages`("ord", "id", "project_id", "from_agent", "to_agent", "address", "type", "payload", "body_id", "priority", "mode", "status", "ready", "thread_id", "reply_to", "correlation_id", "task_id", "created_at", "delivered_at", "shown_at", "retry_count", "max_deliver", "redrives", "expires_at", "receipt", "ack_by", "not_before", "ended_at", "last_error")
SELECT "ord", "id", (SELECT number FROM identifiers WHERE id = messages.project_id), (SELECT number FROM identifiers WHERE id = messages.from_agent), (SELECT number FROM identifiers WHERE id = messages.to_agent), "address", "type", "payload", "body_id", "priority", "mode", "status", "ready", "thread_id", "reply_to", "correlation_id", "task_id", "created_at", "delivered_at", "shown_at", "retry_count", "max_deliver", "redrives", "expires_at", "receipt", "ack_by", "not_before", "ended_at", "last_error" FROM `messages`;
--> statement-breakpoint
-- The next number continues from deleted messages too.
DELETE FROM sqlite_sequence WHERE name = '__new_messages';
--> statement-breakpoint
INSERT INTO sqlite_sequence (name, seq) SELECT '__new_messages', seq FROM sqlite_sequence WHERE name = 'messages';
--> statement-breakpoint
DROP TABLE `messages`;--> statement-breakpoint
ALTER TABLE `__new_messages` RENAME TO `messages`;--> statement-breakpoint
CREATE UNIQUE INDEX `messages_id_unique` ON `messages` (`id`);--> statement-breakpoint
CREATE INDEX `messages_ready` ON `messages` (`to_agent`,`ready`,`priority`,`ord`) WHERE ready is not null;--> statement-breakpoint
CREATE INDEX `messages_due` ON `messages` (`project_id`,`not_before`) WHERE status = 'pending' and ready is null;--> statement-breakpoint
CREATE INDEX `messages_unacked` ON `messages` (`project_id`,`ack_by`) WHERE status = 'delivered';--> statement-breakpoint
CREATE INDEX `messages_expiring` ON `messages` (`project_id`,`expires_at`) WHERE status = 'pending' and expires_at is not null;--> statement-breakpoint
CREATE INDEX `messages_in` ON `messages` (`to_agent`,`ord`);--> statement-breakpoint
CREATE INDEX `messages_out` ON `messages` (`from_agent`,`ord`) WHERE from_agent is not null;--> statement-breakpoint
CREATE INDEX `messages_sent` ON `messages` (`project_id`,`ord`);--> statement-breakpoint
CREATE INDEX `messages_thread` ON `messages` (`project_id`,`thread_id`,`ord`) WHERE thread_id is not null;--> statement-breakpoint
CREATE INDEX `messages_task` ON `messages` (`task_id`,`ord`) WHERE task_id is not null;--> statement-breakpoint
CREATE INDEX `messages_dead` ON `messages` (`project_id`,`ord`) WHERE status = 'dead';--> statement-breakpoint
CREATE INDEX `messages_body` ON `messages` (`body_id`) WHERE body_id is not null;--> statement-breakpoint
CREATE INDEX `messages_in_flight` ON `messages` (`to_agent`) WHERE status = 'delivered';
--> statement-breakpoint
CREATE TRIGGER messages_counted_in AFTER INSERT ON messages BEGIN
  UPDATE mailboxes SET
    accepted = accepted + 1,
    pending = pending + (NEW.status = 'pending'),
    delivered = delivered + (NEW.status = 'delivered'),
    acked = acked + (NEW.status = 'acked'),
    dead = dead + (NEW.status = 'dead'),
    expired = expired + (NEW.status = 'expired')
  WHERE agent_id = NEW.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER messages_counted_over AFTER UPDATE OF status, to_agent ON messages
WHEN OLD.status IS NOT NEW.status AND OLD.to_agent IS NEW.to_agent BEGIN
  UPDATE mailboxes SET
    pending = pending + (NEW.status = 'pending') - (OLD.status = 'pending'),
    delivered = delivered + (NEW.status = 'delivered') - (OLD.status = 'delivered'),
    acked = acked + (NEW.status = 'acked') - (OLD.status = 'acked'),
    dead = dead + (NEW.status = 'dead') - (OLD.status = 'dead'),
    expired = expired + (NEW.status = 'expired') - (OLD.status = 'expired')
  WHERE agent_id = NEW.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER messages_counted_across AFTER UPDATE OF to_agent ON messages
WHEN OLD.to_agent IS NOT NEW.to_agent BEGIN
  UPDATE mailboxes SET
    accepted = accepted - 1,
    pending = pending - (OLD.status = 'pending'),
    delivered = delivered - (OLD.status = 'delivered'),
    acked = acked - (OLD.status = 'acked'),
    dead = dead - (OLD.status = 'dead'),
    expired = expired - (OLD.status = 'expired')
  WHERE agent_id = OLD.to_agent;
  UPDATE mailboxes SET
    accepted = accepted + 1,
    pending = pending + (NEW.status = 'pending'),
    delivered = delivered + (NEW.status = 'delivered'),
    acked = acked + (NEW.status = 'acked'),
    dead = dead + (NEW.status = 'dead'),
    expired = expired + (NEW.status = 'expired')
  WHERE agent_id = NEW.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER messages_counted_out AFTER DELETE ON messages BEGIN
  UPDATE mailboxes SET
    purged = purged + 1,
    pending = pending - (OLD.status = 'pending'),
    delivered = delivered - (OLD.status = 'delivered'),
    acked = acked - (OLD.status = 'acked'),
    dead = dead - (OLD.status = 'dead'),
    expired = expired - (OLD.status = 'expired')
  WHERE agent_id = OLD.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER projects_get_a_number AFTER INSERT ON projects BEGIN
  INSERT INTO identifiers (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER agents_get_a_number_and_a_mailbox AFTER INSERT ON agents BEGIN
  INSERT INTO identifiers (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  INSERT INTO mailboxes (agent_id, project_id)
  SELECT a.number, p.number FROM identifiers a, identifiers p WHERE a.id = NEW.id AND p.id = NEW.project_id;
END;
--> statement-breakpoint
-- A number stays, so no foreign key protects the agent of a message.
CREATE TRIGGER agents_with_messages_stay BEFORE DELETE ON agents
WHEN EXISTS (SELECT 1 FROM mailboxes WHERE agent_id = (SELECT number FROM identifiers WHERE id = OLD.id))
  OR EXISTS (SELECT 1 FROM messages WHERE to_agent = (SELECT number FROM identifiers WHERE id = OLD.id)) BEGIN
  SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed');
END;
--> statement-breakpoint
-- Readable views for tools that open the file.
CREATE VIEW messages_readable AS
SELECT ord, id, (SELECT id FROM identifiers WHERE number = project_id) AS project_id, (SELECT id FROM identifiers WHERE number = from_agent) AS from_agent, (SELECT id FROM identifiers WHERE number = to_agent) AS to_agent, address, type, coalesce(payload, (SELECT b.payload FROM bodies b WHERE b.id = body_id)) AS payload,
  CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority,
  CASE mode WHEN 0 THEN 'steer' WHEN 1 THEN 'boundary' WHEN 2 THEN 'turn_end' ELSE 'digest' END AS mode, status, thread_id, reply_to, correlation_id, task_id, retry_count, max_deliver, redrives, last_error,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', delivered_at / 1000.0, 'unixepoch') AS delivered_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', shown_at / 1000.0, 'unixepoch') AS shown_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', not_before / 1000.0, 'unixepoch') AS not_before,
  strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS expires_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', ack_by / 1000.0, 'unixepoch') AS ack_by,
  strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch') AS ended_at
FROM messages;
--> statement-breakpoint
CREATE VIEW agents_readable AS
SELECT id, project_id, name, type, role, capabilities, status, incarnation, metadata,
  strftime('%Y-%m-%dT%H:%M:%fZ', registered_at / 1000.0, 'unixepoch') AS registered_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', last_activity / 1000.0, 'unixepoch') AS last_activity,
  strftime('%Y-%m-%dT%H:%M:%fZ', paused_at / 1000.0, 'unixepoch') AS paused_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', draining_at / 1000.0, 'unixepoch') AS draining_at
FROM agents;
--> statement-breakpoint
CREATE VIEW health_metrics_readable AS
SELECT agent_id, strftime('%Y-%m-%dT%H:%M:%fZ', "timestamp" / 1000.0, 'unixepoch') AS timestamp, requests_handled, avg_response_time, error_rate, cpu_usage, memory_usage
FROM health_metrics;

-- Tasks and their counts refer to projects and agents by numbers, as messages do.
DROP TRIGGER tasks_counted_in;
--> statement-breakpoint
DROP TRIGGER tasks_counted_over;
--> statement-breakpoint
DROP TRIGGER tasks_counted_out;
--> statement-breakpoint
DROP TRIGGER agents_with_messages_stay;
--> statement-breakpoint
CREATE TABLE `__new_tasks` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`project_id` integer NOT NULL,
	`external_id` text,
	`plan_hash` text,
	`agent_id` integer,
	`type` text NOT NULL,
	`epic` text,
	`story` text,
	`title` text,
	`description` text,
	`acceptance_criteria` text,
	`design` text,
	`notes` text,
	`parent_id` text,
	`requires` text NOT NULL,
	`assigned_to` text,
	`priority` integer NOT NULL,
	`rank` integer DEFAULT 3 NOT NULL,
	`status` text NOT NULL,
	`acceptance` text DEFAULT 'complete' NOT NULL,
	`route_id` integer NOT NULL,
	`ready` integer,
	`ready_at` integer,
	`hold` text,
	`parked_on` text,
	`dependencies` integer DEFAULT 0 NOT NULL,
	`open_deps` integer DEFAULT 0 NOT NULL,
	`rolls_up` integer DEFAULT 0 NOT NULL,
	`on_dependency_failure` text DEFAULT 'block' NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`max_attempts` integer NOT NULL,
	`not_before` integer,
	`schedule_to_start_ms` integer,
	`start_to_close_ms` integer DEFAULT 7200000 NOT NULL,
	`close_by` integer,
	`timeout_at` integer,
	`incarnation` integer,
	`lease_token` text,
	`lease_ms` integer,
	`lease_expires_at` integer,
	`unlisted_beats` integer DEFAULT 0 NOT NULL,
	`locks` text,
	`held_locks` integer DEFAULT 0 NOT NULL,
	`progress` text,
	`result` text,
	`result_attempt` integer,
	`error` text,
	`input_request` text,
	`input` text,
	`review` text,
	`artifacts` integer DEFAULT 0 NOT NULL,
	`orphans` integer DEFAULT 0 NOT NULL,
	`revision` integer DEFAULT 1 NOT NULL,
	`metadata` text NOT NULL,
	`created_by` text,
	`created_at` integer NOT NULL,
	`completed_at` integer,
	FOREIGN KEY (`project_id`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`agent_id`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`route_id`) REFERENCES `routes`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "tasks_status_known" CHECK(status in ('blocked', 'pending', 'in_progress', 'input_required', 'in_review', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "tasks_lease_with_holder" CHECK(status <> 'in_progress' or (lease_token is not null and agent_id is not null)),
	CONSTRAINT "tasks_ready_is_pending" CHECK(ready is null or (status = 'pending' and open_deps = 0)),
	CONSTRAINT "tasks_parked_is_pending" CHECK(parked_on is null or (status = 'pending' and ready is null)),
	CONSTRAINT "tasks_deps_counted" CHECK(open_deps >= 0)
);
--> statement-breakpoint
INSERT INTO `__new_tasks`("ord", "id", "project_id", "external_id", "plan_hash", "agent_id", "type", "epic", "story", "title", "description", "acceptance_criteria", "design", "notes", "parent_id", "requires", "assigned_to", "priority", "rank", "status", "acceptance", "route_id", "ready", "ready_at", "hold", "parked_on", "dependencies", "open_deps", "rolls_up", "on_dependency_failure", "attempt", "failures", "max_attempts", "not_before", "schedule_to_start_ms", "start_to_close_ms", "close_by", "timeout_at", "incarnation", "lease_token", "lease_ms", "lease_expires_at", "unlisted_beats", "locks", "held_locks", "progress", "result", "result_attempt", "error", "input_request", "input", "review", "artifacts", "orphans", "revision", "metadata", "created_by", "created_at", "completed_at")
SELECT "ord", "id", (SELECT number FROM identifiers WHERE id = tasks.project_id), "external_id", "plan_hash", (SELECT number FROM identifiers WHERE id = tasks.agent_id), "type", "epic", "story", "title", "description", "acceptance_criteria", "design", "notes", "parent_id", "requires", "assigned_to", "priority", "rank", "status", "acceptance", "route_id", "ready", "ready_at", "hold", "parked_on", "dependencies", "open_deps", "rolls_up", "on_dependency_failure", "attempt", "failures", "max_attempts", "not_before", "schedule_to_start_ms", "start_to_close_ms", "close_by", "timeout_at", "incarnation", "lease_token", "lease_ms", "lease_expires_at", "unlisted_beats", "locks", "held_locks", "progress", "result", "result_attempt", "error", "input_request", "input", "review", "artifacts", "orphans", "revision", "metadata", "created_by", "created_at", "completed_at" FROM `tasks`;
--> statement-breakpoint
-- The next number continues from deleted tasks too.
DELETE FROM sqlite_sequence WHERE name = '__new_tasks';
--> statement-breakpoint
INSERT INTO sqlite_sequence (name, seq) SELECT '__new_tasks', seq FROM sqlite_sequence WHERE name = 'tasks';
--> statement-breakpoint
DROP TABLE `tasks`;--> statement-breakpoint
ALTER TABLE `__new_tasks` RENAME TO `tasks`;--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_id_unique` ON `tasks` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_external` ON `tasks` (`project_id`,`external_id`);--> statement-breakpoint
CREATE INDEX `tasks_ready` ON `tasks` (`project_id`,`ready`,`rank`,`ord`) WHERE ready is not null;--> statement-breakpoint
CREATE INDEX `tasks_starving` ON `tasks` (`project_id`,`ready`,`ready_at`) WHERE ready is not null and rank = 4;--> statement-breakpoint
CREATE INDEX `tasks_parked` ON `tasks` (`project_id`,`parked_on`,`rank`,`ord`) WHERE parked_on is not null;--> statement-breakpoint
CREATE INDEX `tasks_timeouts` ON `tasks` (`project_id`,`timeout_at`) WHERE timeout_at is not null;--> statement-breakpoint
CREATE INDEX `tasks_due` ON `tasks` (`project_id`,`not_before`) WHERE status = 'pending' and ready is null and parked_on is null;--> statement-breakpoint
CREATE INDEX `tasks_leases` ON `tasks` (`project_id`,`lease_expires_at`) WHERE status = 'in_progress';--> statement-breakpoint
CREATE INDEX `tasks_held` ON `tasks` (`agent_id`,`status`) WHERE agent_id is not null;--> statement-breakpoint
CREATE INDEX `tasks_status` ON `tasks` (`project_id`,`status`,`ord`);--> statement-breakpoint
CREATE INDEX `tasks_created` ON `tasks` (`project_id`,`ord`);--> statement-breakpoint
CREATE INDEX `tasks_epic` ON `tasks` (`project_id`,`epic`,`ord`) WHERE epic is not null;--> statement-breakpoint
CREATE INDEX `tasks_story` ON `tasks` (`project_id`,`story`,`ord`) WHERE story is not null;--> statement-breakpoint
CREATE INDEX `tasks_parent` ON `tasks` (`parent_id`,`ord`) WHERE parent_id is not null;--> statement-breakpoint
CREATE TABLE `__new_task_counts` (
	`project_id` integer NOT NULL,
	`epic` text NOT NULL,
	`story` text NOT NULL,
	`status` text NOT NULL,
	`tasks` integer NOT NULL,
	PRIMARY KEY(`project_id`, `epic`, `story`, `status`),
	FOREIGN KEY (`project_id`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
INSERT INTO `__new_task_counts`("project_id", "epic", "story", "status", "tasks")
SELECT (SELECT number FROM identifiers WHERE id = task_counts.project_id), "epic", "story", "status", "tasks" FROM `task_counts`;
--> statement-breakpoint
DROP TABLE `task_counts`;--> statement-breakpoint
ALTER TABLE `__new_task_counts` RENAME TO `task_counts`;--> statement-breakpoint
CREATE INDEX `task_counts_story` ON `task_counts` (`project_id`,`story`);
--> statement-breakpoint
CREATE TRIGGER tasks_counted_in AFTER INSERT ON tasks BEGIN
  INSERT INTO task_counts (project_id, epic, story, status, tasks)
  VALUES (NEW.project_id, coalesce(NEW.epic, ''), coalesce(NEW.story, ''), NEW.status, 1)
  ON CONFLICT DO UPDATE SET tasks = tasks + 1;
END;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_over AFTER UPDATE OF status, epic, story ON tasks
WHEN OLD.status IS NOT NEW.status OR OLD.epic IS NOT NEW.epic OR OLD.story IS NOT NEW.story BEGIN
  UPDATE task_counts SET tasks = tasks - 1
  WHERE project_id = OLD.project_id AND epic = coalesce(OLD.epic, '') AND story = coalesce(OLD.story, '') AND status = OLD.status;
  INSERT INTO task_counts (project_id, epic, story, status, tasks)
  VALUES (NEW.project_id, coalesce(NEW.epic, ''), coalesce(NEW.story, ''), NEW.status, 1)
  ON CONFLICT DO UPDATE SET tasks = tasks + 1;
END;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_out AFTER DELETE ON tasks BEGIN
  UPDATE task_counts SET tasks = tasks - 1
  WHERE project_id = OLD.project_id AND epic = coalesce(OLD.epic, '') AND story = coalesce(OLD.story, '') AND status = OLD.status;
END;
--> statement-breakpoint
-- A number stays, so no foreign key protects the agent of a message or a task.
CREATE TRIGGER agents_in_use_stay BEFORE DELETE ON agents
WHEN EXISTS (SELECT 1 FROM mailboxes WHERE agent_id = (SELECT number FROM identifiers WHERE id = OLD.id))
  OR EXISTS (SELECT 1 FROM messages WHERE to_agent = (SELECT number FROM identifiers WHERE id = OLD.id))
  OR EXISTS (SELECT 1 FROM tasks WHERE agent_id = (SELECT number FROM identifiers WHERE id = OLD.id)) BEGIN
  SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed');
END;
--> statement-breakpoint
CREATE VIEW tasks_readable AS
SELECT ord, id, (SELECT id FROM identifiers WHERE number = project_id) AS project_id, external_id,
  (SELECT id FROM identifiers WHERE number = agent_id) AS agent_id, type, epic, story, title, description,
  acceptance_criteria, design, notes, parent_id, requires, assigned_to,
  CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority, status,
  acceptance, strftime('%Y-%m-%dT%H:%M:%fZ', ready_at / 1000.0, 'unixepoch') AS ready_at, hold, parked_on, dependencies,
  open_deps, rolls_up, on_dependency_failure, attempt, failures, max_attempts,
  strftime('%Y-%m-%dT%H:%M:%fZ', not_before / 1000.0, 'unixepoch') AS not_before, schedule_to_start_ms, start_to_close_ms,
  strftime('%Y-%m-%dT%H:%M:%fZ', close_by / 1000.0, 'unixepoch') AS close_by,
  strftime('%Y-%m-%dT%H:%M:%fZ', timeout_at / 1000.0, 'unixepoch') AS timeout_at, incarnation, lease_ms,
  strftime('%Y-%m-%dT%H:%M:%fZ', lease_expires_at / 1000.0, 'unixepoch') AS lease_expires_at, locks, held_locks, progress,
  result, result_attempt, error, input_request, input, review, artifacts, orphans, revision, metadata, created_by,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', completed_at / 1000.0, 'unixepoch') AS completed_at
FROM tasks;

-- minReader: 14
CREATE TABLE `history_steps` (
	`project_id` text NOT NULL,
	`step_ms` integer NOT NULL,
	`at` integer NOT NULL,
	`state` text NOT NULL,
	`created` integer NOT NULL,
	`completed` integer NOT NULL,
	`failed` integer NOT NULL,
	`cancelled` integer NOT NULL,
	`claimed` integer NOT NULL,
	`claim_wait_ms` integer NOT NULL,
	`claim_wait_max_ms` integer NOT NULL,
	`sent` integer NOT NULL,
	`acked` integer NOT NULL,
	`returned` integer NOT NULL,
	`dead` integer NOT NULL,
	`events` integer NOT NULL,
	`refused` integer NOT NULL,
	`loop_lag_ms` integer NOT NULL,
	PRIMARY KEY(`project_id`, `step_ms`, `at`),
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
-- The counters are counted anew with the priority in their key.
DROP TRIGGER tasks_counted_in;
--> statement-breakpoint
DROP TRIGGER tasks_counted_over;
--> statement-breakpoint
DROP TRIGGER tasks_counted_out;
--> statement-breakpoint
CREATE TABLE `__new_task_counts` (
	`project_id` integer NOT NULL,
	`epic` text NOT NULL,
	`story` text NOT NULL,
	`status` text NOT NULL,
	`priority` integer NOT NULL,
	`tasks` integer NOT NULL,
	PRIMARY KEY(`project_id`, `epic`, `story`, `status`, `priority`),
	FOREIGN KEY (`project_id`) REFERENCES `identifiers`(`number`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
INSERT INTO `__new_task_counts`("project_id", "epic", "story", "status", "priority", "tasks")
SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, priority, count(*) FROM tasks GROUP BY 1, 2, 3, 4, 5;
--> statement-breakpoint
DROP TABLE `task_counts`;--> statement-breakpoint
ALTER TABLE `__new_task_counts` RENAME TO `task_counts`;--> statement-breakpoint
CREATE INDEX `task_counts_story` ON `task_counts` (`project_id`,`story`);
--> statement-breakpoint
CREATE TRIGGER tasks_counted_in AFTER INSERT ON tasks BEGIN
  INSERT INTO task_counts (project_id, epic, story, status, priority, tasks)
  VALUES (NEW.project_id, coalesce(NEW.epic, ''), coalesce(NEW.story, ''), NEW.status, NEW.priority, 1)
  ON CONFLICT DO UPDATE SET tasks = tasks + 1;
END;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_over AFTER UPDATE OF status, epic, story, priority ON tasks
WHEN OLD.status IS NOT NEW.status OR OLD.epic IS NOT NEW.epic OR OLD.story IS NOT NEW.story
  OR OLD.priority IS NOT NEW.priority BEGIN
  UPDATE task_counts SET tasks = tasks - 1
  WHERE project_id = OLD.project_id AND epic = coalesce(OLD.epic, '') AND story = coalesce(OLD.story, '')
    AND status = OLD.status AND priority = OLD.priority;
  INSERT INTO task_counts (project_id, epic, story, status, priority, tasks)
  VALUES (NEW.project_id, coalesce(NEW.epic, ''), coalesce(NEW.story, ''), NEW.status, NEW.priority, 1)
  ON CONFLICT DO UPDATE SET tasks = tasks + 1;
END;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_out AFTER DELETE ON tasks BEGIN
  UPDATE task_counts SET tasks = tasks - 1
  WHERE project_id = OLD.project_id AND epic = coalesce(OLD.epic, '') AND story = coalesce(OLD.story, '')
    AND status = OLD.status AND priority = OLD.priority;
END;

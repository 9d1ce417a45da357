CREATE TABLE `idle_sessions` (
	`agent_id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`since` integer NOT NULL,
	`takes_tasks` integer NOT NULL,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `idle_sessions_project` ON `idle_sessions` (`project_id`);--> statement-breakpoint
CREATE TABLE `wakes` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`agent_id` text NOT NULL,
	`reason` text NOT NULL,
	`subject` text NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`from_agent` text,
	`task_id` text,
	`status` text NOT NULL,
	`requested_at` integer NOT NULL,
	`ended_at` integer,
	`tried` text DEFAULT '' NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "wakes_status_known" CHECK(status in ('deferred', 'requested', 'woken', 'unavailable')),
	CONSTRAINT "wakes_reason_known" CHECK(reason in ('message', 'cancel', 'answer', 'task'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `wakes_subject` ON `wakes` (`subject`,`agent_id`,`reason`,`attempt`);--> statement-breakpoint
CREATE INDEX `wakes_open` ON `wakes` (`project_id`,`requested_at`) WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX `wakes_agent` ON `wakes` (`agent_id`,`requested_at`);--> statement-breakpoint
CREATE INDEX `wakes_ended` ON `wakes` (`project_id`,`ended_at`) WHERE ended_at is not null;
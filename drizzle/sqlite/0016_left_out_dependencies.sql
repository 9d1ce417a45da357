-- minReader: 14
-- A task may wait for another one and for its children. Edges that a cycle has left out before this migration are not known:
-- they are added when the family of their task is derived again.
CREATE TABLE `left_out_dependencies` (
	`task_id` text NOT NULL,
	`depends_on_id` text NOT NULL,
	`kind` integer NOT NULL,
	PRIMARY KEY(`task_id`, `depends_on_id`, `kind`)
);
--> statement-breakpoint
CREATE INDEX `left_out_by` ON `left_out_dependencies` (`depends_on_id`);--> statement-breakpoint
CREATE TABLE `__new_task_dependencies` (
	`task_id` text NOT NULL,
	`depends_on_id` text NOT NULL,
	`kind` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`task_id`, `depends_on_id`, `kind`),
	FOREIGN KEY (`task_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`depends_on_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
INSERT INTO `__new_task_dependencies`("task_id", "depends_on_id", "kind") SELECT "task_id", "depends_on_id", "kind" FROM `task_dependencies`;--> statement-breakpoint
DROP TABLE `task_dependencies`;--> statement-breakpoint
ALTER TABLE `__new_task_dependencies` RENAME TO `task_dependencies`;--> statement-breakpoint
CREATE INDEX `task_dependents` ON `task_dependencies` (`depends_on_id`);
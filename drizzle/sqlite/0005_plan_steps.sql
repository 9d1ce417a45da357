-- minReader: 4
ALTER TABLE `plan_rows` ADD `task_id` text;--> statement-breakpoint
ALTER TABLE `plans` ADD `committed_by` text;--> statement-breakpoint
ALTER TABLE `plans` ADD `stepped_at` integer;--> statement-breakpoint
ALTER TABLE `plans` ADD `created` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `plans` ADD `updated` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `plans` ADD `unchanged` integer DEFAULT 0 NOT NULL;
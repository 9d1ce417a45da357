-- Older versions would hand out held tasks and open parents: no minReader is declared.
ALTER TABLE `task_dependencies` ADD `kind` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `tasks` ADD `acceptance_criteria` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `design` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `notes` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `hold` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `rolls_up` integer DEFAULT 0 NOT NULL;
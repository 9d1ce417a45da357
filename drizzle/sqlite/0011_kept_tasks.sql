-- minReader: 10
ALTER TABLE `plans` ADD `kept_total` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `plans` ADD `kept` text;
-- minReader: 1
ALTER TABLE `messages` ADD `mode` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `messages` ADD `shown_at` integer;
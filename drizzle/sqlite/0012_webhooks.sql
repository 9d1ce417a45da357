-- minReader: 10
CREATE TABLE `webhook_dead_letters` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`project_id` text NOT NULL,
	`webhook_id` text NOT NULL,
	`message_id` text NOT NULL,
	`body` text NOT NULL,
	`seq` integer NOT NULL,
	`attempts` integer NOT NULL,
	`last_error` text NOT NULL,
	`at` integer NOT NULL,
	`redriven` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`webhook_id`) REFERENCES `webhooks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `webhook_dead_letters_webhook` ON `webhook_dead_letters` (`webhook_id`,`ord`);--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`owner` text NOT NULL,
	`owner_key` text,
	`owner_agent` text,
	`url` text NOT NULL,
	`format` text NOT NULL,
	`filter` text NOT NULL,
	`state` text DEFAULT 'active' NOT NULL,
	`seq` integer NOT NULL,
	`secret` text NOT NULL,
	`previous_secret` text,
	`previous_until` integer,
	`failures` integer DEFAULT 0 NOT NULL,
	`failing_since` integer,
	`next_at` integer,
	`last_error` text,
	`delivered_at` integer,
	`redrive` integer DEFAULT 0 NOT NULL,
	`lease` text,
	`lease_until` integer,
	`expires_at` integer,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `webhooks_project` ON `webhooks` (`project_id`,`id`);
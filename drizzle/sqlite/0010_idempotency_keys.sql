CREATE TABLE `idempotency_keys` (
	`second` integer NOT NULL,
	`hash` integer NOT NULL,
	`identity` integer NOT NULL,
	`input_high` integer NOT NULL,
	`input_low` integer NOT NULL,
	`project` integer NOT NULL,
	`at` integer NOT NULL,
	`reply` text NOT NULL,
	PRIMARY KEY(`second`, `hash`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_age` ON `idempotency_keys` (`project`,`at`);
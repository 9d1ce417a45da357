-- minReader: 10
ALTER TABLE "plans" ADD COLUMN "kept_total" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "plans" ADD COLUMN "kept" text COLLATE "C";
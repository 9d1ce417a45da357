-- minReader: 1
ALTER TABLE "messages" ADD COLUMN "mode" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "shown_at" bigint;
-- minReader: 4
ALTER TABLE "plan_rows" ADD COLUMN "task_id" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "plans" ADD COLUMN "committed_by" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "plans" ADD COLUMN "stepped_at" bigint;--> statement-breakpoint
ALTER TABLE "plans" ADD COLUMN "created" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "plans" ADD COLUMN "updated" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "plans" ADD COLUMN "unchanged" bigint DEFAULT 0 NOT NULL;
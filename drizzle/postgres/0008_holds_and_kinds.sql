-- Older versions would hand out held tasks and open parents: no minReader is declared.
ALTER TABLE "task_dependencies" ADD COLUMN "kind" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "acceptance_criteria" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "design" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "notes" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "hold" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "rolls_up" bigint DEFAULT 0 NOT NULL;
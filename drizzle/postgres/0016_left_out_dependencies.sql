-- minReader: 14
-- A task may wait for another one and for its children. Edges that a cycle has left out before this migration are not known:
-- they are added when the family of their task is derived again.
CREATE TABLE "left_out_dependencies" (
	"task_id" text COLLATE "C" NOT NULL,
	"depends_on_id" text COLLATE "C" NOT NULL,
	"kind" bigint NOT NULL,
	CONSTRAINT "left_out_dependencies_task_id_depends_on_id_kind_pk" PRIMARY KEY("task_id","depends_on_id","kind")
);
--> statement-breakpoint
ALTER TABLE "task_dependencies" DROP CONSTRAINT "task_dependencies_task_id_depends_on_id_pk";--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_task_id_depends_on_id_kind_pk" PRIMARY KEY("task_id","depends_on_id","kind");--> statement-breakpoint
CREATE INDEX "left_out_by" ON "left_out_dependencies" USING btree ("depends_on_id");
-- minReader: 14
CREATE TABLE "history_steps" (
	"project_id" text COLLATE "C" NOT NULL,
	"step_ms" bigint NOT NULL,
	"at" bigint NOT NULL,
	"state" text COLLATE "C" NOT NULL,
	"created" bigint NOT NULL,
	"completed" bigint NOT NULL,
	"failed" bigint NOT NULL,
	"cancelled" bigint NOT NULL,
	"claimed" bigint NOT NULL,
	"claim_wait_ms" bigint NOT NULL,
	"claim_wait_max_ms" bigint NOT NULL,
	"sent" bigint NOT NULL,
	"acked" bigint NOT NULL,
	"returned" bigint NOT NULL,
	"dead" bigint NOT NULL,
	"events" bigint NOT NULL,
	"refused" bigint NOT NULL,
	"loop_lag_ms" bigint NOT NULL,
	CONSTRAINT "history_steps_project_id_step_ms_at_pk" PRIMARY KEY("project_id","step_ms","at")
);
--> statement-breakpoint
ALTER TABLE "history_steps" ADD CONSTRAINT "history_steps_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
-- The counters are counted anew with the priority in their key. Nothing may change a task meanwhile.
LOCK TABLE tasks IN SHARE ROW EXCLUSIVE MODE;
--> statement-breakpoint
DELETE FROM task_counts;
--> statement-breakpoint
ALTER TABLE "task_counts" DROP CONSTRAINT "task_counts_project_id_epic_story_status_pk";--> statement-breakpoint
ALTER TABLE "task_counts" ADD COLUMN "priority" bigint NOT NULL;--> statement-breakpoint
ALTER TABLE "task_counts" ADD CONSTRAINT "task_counts_project_id_epic_story_status_priority_pk" PRIMARY KEY("project_id","epic","story","status","priority");
--> statement-breakpoint
INSERT INTO task_counts (project_id, epic, story, status, priority, tasks)
SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, priority, count(*) FROM tasks GROUP BY 1, 2, 3, 4, 5;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION tasks_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO task_counts (project_id, epic, story, status, priority, tasks)
    SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, priority, count(*)
    FROM added GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (project_id, epic, story, status, priority) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO task_counts (project_id, epic, story, status, priority, tasks)
    SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, priority, -count(*)
    FROM removed GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (project_id, epic, story, status, priority) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
  ELSE
    INSERT INTO task_counts (project_id, epic, story, status, priority, tasks)
    SELECT project_id, epic, story, status, priority, sum(by)
    FROM (
      SELECT project_id, coalesce(epic, '') AS epic, coalesce(story, '') AS story, status, priority, 1 AS by FROM added
      UNION ALL
      SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, priority, -1 FROM removed
    ) AS changed
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(by) <> 0 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (project_id, epic, story, status, priority) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
  END IF;
  RETURN NULL;
END $$;

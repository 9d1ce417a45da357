CREATE TABLE "idle_sessions" (
	"agent_id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"since" bigint NOT NULL,
	"takes_tasks" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "wakes" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"agent_id" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"subject" text COLLATE "C" NOT NULL,
	"attempt" bigint DEFAULT 0 NOT NULL,
	"from_agent" text COLLATE "C",
	"task_id" text COLLATE "C",
	"status" text COLLATE "C" NOT NULL,
	"requested_at" bigint NOT NULL,
	"ended_at" bigint,
	"tried" text COLLATE "C" DEFAULT '' NOT NULL,
	CONSTRAINT "wakes_status_known" CHECK (status in ('deferred', 'requested', 'woken', 'unavailable')),
	CONSTRAINT "wakes_reason_known" CHECK (reason in ('message', 'cancel', 'answer', 'task'))
);
--> statement-breakpoint
ALTER TABLE "idle_sessions" ADD CONSTRAINT "idle_sessions_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "idle_sessions" ADD CONSTRAINT "idle_sessions_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "wakes" ADD CONSTRAINT "wakes_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "wakes" ADD CONSTRAINT "wakes_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idle_sessions_project" ON "idle_sessions" USING btree ("project_id");--> statement-breakpoint
CREATE UNIQUE INDEX "wakes_subject" ON "wakes" USING btree ("subject","agent_id","reason","attempt");--> statement-breakpoint
CREATE INDEX "wakes_open" ON "wakes" USING btree ("project_id","requested_at") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "wakes_agent" ON "wakes" USING btree ("agent_id","requested_at");--> statement-breakpoint
CREATE INDEX "wakes_ended" ON "wakes" USING btree ("project_id","ended_at") WHERE ended_at is not null;
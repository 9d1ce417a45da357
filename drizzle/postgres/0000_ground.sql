CREATE TABLE "agents" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	"role" text COLLATE "C" NOT NULL,
	"capabilities" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" DEFAULT 'active' NOT NULL,
	"incarnation" bigint DEFAULT 1 NOT NULL,
	"instance_hash" text COLLATE "C",
	"credential_id" text COLLATE "C",
	"paused_at" bigint,
	"draining_at" bigint,
	"registered_at" bigint NOT NULL,
	"last_activity" bigint NOT NULL,
	"metadata" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "artifacts" (
	"task_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"uri" text COLLATE "C" NOT NULL,
	"sha256" text COLLATE "C",
	"bytes" bigint,
	"media_type" text COLLATE "C",
	"attempt" bigint NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "artifacts_task_id_name_pk" PRIMARY KEY("task_id","name")
);
--> statement-breakpoint
CREATE TABLE "bodies" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"payload" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "credentials" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"secret_hash" text COLLATE "C" NOT NULL,
	"previous_hash" text COLLATE "C",
	"previous_until" bigint,
	"scopes" text COLLATE "C" NOT NULL,
	"role_ceiling" text COLLATE "C" NOT NULL,
	"max_uses" bigint,
	"uses" bigint DEFAULT 0 NOT NULL,
	"cidrs" text COLLATE "C" NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"last_used_at" bigint,
	"revoked_at" bigint,
	CONSTRAINT "credentials_uses" CHECK ("credentials"."max_uses" is null or "credentials"."uses" <= "credentials"."max_uses")
);
--> statement-breakpoint
CREATE TABLE "delivery_failures" (
	"message_id" text COLLATE "C" NOT NULL,
	"redrives" bigint DEFAULT 0 NOT NULL,
	"attempt" bigint NOT NULL,
	"at" bigint NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"error" text COLLATE "C",
	CONSTRAINT "delivery_failures_message_id_redrives_attempt_pk" PRIMARY KEY("message_id","redrives","attempt")
);
--> statement-breakpoint
CREATE TABLE "denials" (
	"ord" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "denials_ord_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project_id" text COLLATE "C",
	"at" bigint NOT NULL,
	"subject" text COLLATE "C",
	"path" text COLLATE "C" NOT NULL,
	"code" text COLLATE "C" NOT NULL,
	"address" text COLLATE "C",
	"request_id" text COLLATE "C" NOT NULL,
	"count" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events" (
	"project_id" text COLLATE "C" NOT NULL,
	"seq" bigint NOT NULL,
	"at" bigint NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	"subject" text COLLATE "C",
	"actor" text COLLATE "C",
	"task_id" text COLLATE "C",
	"epic" text COLLATE "C",
	"thread_id" text COLLATE "C",
	"audience" text COLLATE "C",
	"data" text COLLATE "C" NOT NULL,
	"session_id" text COLLATE "C",
	"credential_id" text COLLATE "C",
	"request_id" text COLLATE "C",
	CONSTRAINT "events_project_id_seq_pk" PRIMARY KEY("project_id","seq")
);
--> statement-breakpoint
CREATE TABLE "health_metrics" (
	"agent_id" text COLLATE "C" NOT NULL,
	"timestamp" bigint NOT NULL,
	"requests_handled" bigint,
	"avg_response_time" double precision,
	"error_rate" double precision,
	"cpu_usage" double precision,
	"memory_usage" double precision
);
--> statement-breakpoint
CREATE TABLE "idempotency" (
	"project_id" text COLLATE "C" NOT NULL,
	"principal" text COLLATE "C" NOT NULL,
	"procedure" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"input_hash" text COLLATE "C" NOT NULL,
	"reply" text COLLATE "C" NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "idempotency_project_id_principal_procedure_key_pk" PRIMARY KEY("project_id","principal","procedure","key")
);
--> statement-breakpoint
CREATE TABLE "locks" (
	"project_id" text COLLATE "C" NOT NULL,
	"lock" text COLLATE "C" NOT NULL,
	"task_id" text COLLATE "C" NOT NULL,
	"exclusive" bigint NOT NULL,
	"since" bigint NOT NULL,
	CONSTRAINT "locks_project_id_lock_task_id_pk" PRIMARY KEY("project_id","lock","task_id")
);
--> statement-breakpoint
CREATE TABLE "mailboxes" (
	"agent_id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"accepted" bigint DEFAULT 0 NOT NULL,
	"pending" bigint DEFAULT 0 NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"acked" bigint DEFAULT 0 NOT NULL,
	"dead" bigint DEFAULT 0 NOT NULL,
	"expired" bigint DEFAULT 0 NOT NULL,
	"purged" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "mailboxes_conserved" CHECK (accepted = pending + delivered + acked + dead + expired + purged and pending >= 0 and delivered >= 0 and acked >= 0 and dead >= 0)
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"ord" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "messages_ord_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"id" text COLLATE "C" NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"from_agent" text COLLATE "C",
	"to_agent" text COLLATE "C" NOT NULL,
	"address" text COLLATE "C",
	"type" text COLLATE "C" NOT NULL,
	"payload" text COLLATE "C",
	"body_id" text COLLATE "C",
	"priority" bigint NOT NULL,
	"status" text COLLATE "C" DEFAULT 'pending' NOT NULL,
	"ready" bigint,
	"thread_id" text COLLATE "C",
	"reply_to" text COLLATE "C",
	"correlation_id" text COLLATE "C",
	"task_id" text COLLATE "C",
	"created_at" bigint NOT NULL,
	"delivered_at" bigint,
	"retry_count" bigint DEFAULT 0 NOT NULL,
	"max_deliver" bigint NOT NULL,
	"redrives" bigint DEFAULT 0 NOT NULL,
	"expires_at" bigint,
	"receipt" text COLLATE "C",
	"ack_by" bigint,
	"not_before" bigint,
	"ended_at" bigint,
	"last_error" text COLLATE "C",
	CONSTRAINT "messages_id_unique" UNIQUE("id"),
	CONSTRAINT "messages_status_known" CHECK (status in ('pending', 'delivered', 'acked', 'dead', 'expired')),
	CONSTRAINT "messages_receipt_when_delivered" CHECK (status <> 'delivered' or receipt is not null),
	CONSTRAINT "messages_one_payload" CHECK ((payload is null) <> (body_id is null))
);
--> statement-breakpoint
CREATE TABLE "orphan_results" (
	"task_id" text COLLATE "C" NOT NULL,
	"attempt" bigint NOT NULL,
	"agent_id" text COLLATE "C" NOT NULL,
	"result" text COLLATE "C",
	"at" bigint NOT NULL,
	CONSTRAINT "orphan_results_task_id_attempt_pk" PRIMARY KEY("task_id","attempt")
);
--> statement-breakpoint
CREATE TABLE "paused_epics" (
	"project_id" text COLLATE "C" NOT NULL,
	"epic" text COLLATE "C" NOT NULL,
	"paused_at" bigint NOT NULL,
	CONSTRAINT "paused_epics_project_id_epic_pk" PRIMARY KEY("project_id","epic")
);
--> statement-breakpoint
CREATE TABLE "plan_rows" (
	"ord" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "plan_rows_ord_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"plan_id" text COLLATE "C" NOT NULL,
	"external_id" text COLLATE "C" NOT NULL,
	"spec" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "plans" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" DEFAULT 'open' NOT NULL,
	"created_by" text COLLATE "C",
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pools" (
	"project_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"size" bigint NOT NULL,
	CONSTRAINT "pools_project_id_name_pk" PRIMARY KEY("project_id","name")
);
--> statement-breakpoint
CREATE TABLE "projects" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"path" text COLLATE "C",
	"created_at" bigint NOT NULL,
	"paused_at" bigint,
	"routes" bigint DEFAULT 0 NOT NULL,
	"seq" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "projects_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "replicas" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"host" text COLLATE "C" NOT NULL,
	"started_at" bigint NOT NULL,
	"seen_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"method" text COLLATE "C" NOT NULL,
	"from_agent" text COLLATE "C",
	"to_agent" text COLLATE "C" NOT NULL,
	"message_id" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" DEFAULT 'waiting' NOT NULL,
	"reply" text COLLATE "C",
	"created_at" bigint NOT NULL,
	"deadline_at" bigint NOT NULL,
	CONSTRAINT "requests_status_known" CHECK (status in ('waiting', 'replied', 'timed_out'))
);
--> statement-breakpoint
CREATE TABLE "routes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "routes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project_id" text COLLATE "C" NOT NULL,
	"requires" text COLLATE "C" NOT NULL,
	"assigned_to" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"agent_id" text COLLATE "C" NOT NULL,
	"incarnation" bigint NOT NULL,
	"credential_id" text COLLATE "C",
	"refresh_hash" text COLLATE "C" NOT NULL,
	"parent_hash" text COLLATE "C",
	"nonce_hash" text COLLATE "C",
	"created_at" bigint NOT NULL,
	"refreshed_at" bigint NOT NULL,
	"revoked_at" bigint
);
--> statement-breakpoint
CREATE TABLE "store_facts" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"value" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "subscriptions" (
	"agent_id" text COLLATE "C" NOT NULL,
	"topic" text COLLATE "C" NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	CONSTRAINT "subscriptions_agent_id_topic_pk" PRIMARY KEY("agent_id","topic")
);
--> statement-breakpoint
CREATE TABLE "task_counts" (
	"project_id" text COLLATE "C" NOT NULL,
	"epic" text COLLATE "C" NOT NULL,
	"story" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"tasks" bigint NOT NULL,
	CONSTRAINT "task_counts_project_id_epic_story_status_pk" PRIMARY KEY("project_id","epic","story","status")
);
--> statement-breakpoint
CREATE TABLE "task_dependencies" (
	"task_id" text COLLATE "C" NOT NULL,
	"depends_on_id" text COLLATE "C" NOT NULL,
	CONSTRAINT "task_dependencies_task_id_depends_on_id_pk" PRIMARY KEY("task_id","depends_on_id")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"ord" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "tasks_ord_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"id" text COLLATE "C" NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"external_id" text COLLATE "C",
	"plan_hash" text COLLATE "C",
	"agent_id" text COLLATE "C",
	"type" text COLLATE "C" NOT NULL,
	"epic" text COLLATE "C",
	"story" text COLLATE "C",
	"title" text COLLATE "C",
	"description" text COLLATE "C",
	"parent_id" text COLLATE "C",
	"requires" text COLLATE "C" NOT NULL,
	"assigned_to" text COLLATE "C",
	"priority" bigint NOT NULL,
	"rank" bigint DEFAULT 3 NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"acceptance" text COLLATE "C" DEFAULT 'complete' NOT NULL,
	"route_id" bigint NOT NULL,
	"ready" bigint,
	"ready_at" bigint,
	"parked_on" text COLLATE "C",
	"dependencies" bigint DEFAULT 0 NOT NULL,
	"open_deps" bigint DEFAULT 0 NOT NULL,
	"on_dependency_failure" text COLLATE "C" DEFAULT 'block' NOT NULL,
	"attempt" bigint DEFAULT 0 NOT NULL,
	"failures" bigint DEFAULT 0 NOT NULL,
	"max_attempts" bigint NOT NULL,
	"not_before" bigint,
	"schedule_to_start_ms" bigint,
	"start_to_close_ms" bigint DEFAULT 7200000 NOT NULL,
	"close_by" bigint,
	"timeout_at" bigint,
	"incarnation" bigint,
	"lease_token" text COLLATE "C",
	"lease_ms" bigint,
	"lease_expires_at" bigint,
	"unlisted_beats" bigint DEFAULT 0 NOT NULL,
	"locks" text COLLATE "C",
	"held_locks" bigint DEFAULT 0 NOT NULL,
	"progress" text COLLATE "C",
	"result" text COLLATE "C",
	"error" text COLLATE "C",
	"input_request" text COLLATE "C",
	"input" text COLLATE "C",
	"review" text COLLATE "C",
	"artifacts" bigint DEFAULT 0 NOT NULL,
	"orphans" bigint DEFAULT 0 NOT NULL,
	"revision" bigint DEFAULT 1 NOT NULL,
	"metadata" text COLLATE "C" NOT NULL,
	"created_by" text COLLATE "C",
	"created_at" bigint NOT NULL,
	"completed_at" bigint,
	CONSTRAINT "tasks_id_unique" UNIQUE("id"),
	CONSTRAINT "tasks_status_known" CHECK (status in ('blocked', 'pending', 'in_progress', 'input_required', 'in_review', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "tasks_lease_with_holder" CHECK (status <> 'in_progress' or (lease_token is not null and agent_id is not null)),
	CONSTRAINT "tasks_ready_is_pending" CHECK (ready is null or (status = 'pending' and open_deps = 0)),
	CONSTRAINT "tasks_parked_is_pending" CHECK (parked_on is null or (status = 'pending' and ready is null)),
	CONSTRAINT "tasks_deps_counted" CHECK (open_deps >= 0)
);
--> statement-breakpoint
ALTER TABLE "agents" ADD CONSTRAINT "agents_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "delivery_failures" ADD CONSTRAINT "delivery_failures_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "health_metrics" ADD CONSTRAINT "health_metrics_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "locks" ADD CONSTRAINT "locks_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "locks" ADD CONSTRAINT "locks_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mailboxes" ADD CONSTRAINT "mailboxes_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_to_agent_agents_id_fk" FOREIGN KEY ("to_agent") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_body_id_bodies_id_fk" FOREIGN KEY ("body_id") REFERENCES "public"."bodies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orphan_results" ADD CONSTRAINT "orphan_results_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "paused_epics" ADD CONSTRAINT "paused_epics_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "plan_rows" ADD CONSTRAINT "plan_rows_plan_id_plans_id_fk" FOREIGN KEY ("plan_id") REFERENCES "public"."plans"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "plans" ADD CONSTRAINT "plans_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pools" ADD CONSTRAINT "pools_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "requests" ADD CONSTRAINT "requests_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "requests" ADD CONSTRAINT "requests_to_agent_agents_id_fk" FOREIGN KEY ("to_agent") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routes" ADD CONSTRAINT "routes_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_credential_id_credentials_id_fk" FOREIGN KEY ("credential_id") REFERENCES "public"."credentials"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "subscriptions" ADD CONSTRAINT "subscriptions_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_depends_on_id_tasks_id_fk" FOREIGN KEY ("depends_on_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_route_id_routes_id_fk" FOREIGN KEY ("route_id") REFERENCES "public"."routes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "agents_name" ON "agents" USING btree ("project_id","name");--> statement-breakpoint
CREATE INDEX "agents_silent" ON "agents" USING btree ("last_activity") WHERE status = 'active';--> statement-breakpoint
CREATE INDEX "credentials_revoked" ON "credentials" USING btree ("revoked_at") WHERE revoked_at is not null;--> statement-breakpoint
CREATE INDEX "denials_project" ON "denials" USING btree ("project_id","ord");--> statement-breakpoint
CREATE INDEX "health_metrics_agent" ON "health_metrics" USING btree ("agent_id","timestamp");--> statement-breakpoint
CREATE INDEX "idempotency_age" ON "idempotency" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "locks_exclusive" ON "locks" USING btree ("project_id","lock") WHERE exclusive = 1;--> statement-breakpoint
CREATE INDEX "locks_task" ON "locks" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "mailboxes_project" ON "mailboxes" USING btree ("project_id");--> statement-breakpoint
CREATE INDEX "messages_ready" ON "messages" USING btree ("to_agent","ready","priority","ord") WHERE ready is not null;--> statement-breakpoint
CREATE INDEX "messages_due" ON "messages" USING btree ("project_id","not_before") WHERE status = 'pending' and ready is null;--> statement-breakpoint
CREATE INDEX "messages_unacked" ON "messages" USING btree ("project_id","ack_by") WHERE status = 'delivered';--> statement-breakpoint
CREATE INDEX "messages_expiring" ON "messages" USING btree ("project_id","expires_at") WHERE status = 'pending' and expires_at is not null;--> statement-breakpoint
CREATE INDEX "messages_in" ON "messages" USING btree ("to_agent","ord");--> statement-breakpoint
CREATE INDEX "messages_out" ON "messages" USING btree ("from_agent","ord") WHERE from_agent is not null;--> statement-breakpoint
CREATE INDEX "messages_sent" ON "messages" USING btree ("project_id","ord");--> statement-breakpoint
CREATE INDEX "messages_thread" ON "messages" USING btree ("project_id","thread_id","ord") WHERE thread_id is not null;--> statement-breakpoint
CREATE INDEX "messages_task" ON "messages" USING btree ("task_id","ord") WHERE task_id is not null;--> statement-breakpoint
CREATE INDEX "messages_dead" ON "messages" USING btree ("project_id","ord") WHERE status = 'dead';--> statement-breakpoint
CREATE INDEX "messages_body" ON "messages" USING btree ("body_id") WHERE body_id is not null;--> statement-breakpoint
CREATE INDEX "messages_in_flight" ON "messages" USING btree ("to_agent") WHERE status = 'delivered';--> statement-breakpoint
CREATE UNIQUE INDEX "plan_rows_external" ON "plan_rows" USING btree ("plan_id","external_id");--> statement-breakpoint
CREATE INDEX "requests_waiting" ON "requests" USING btree ("project_id","deadline_at") WHERE status = 'waiting';--> statement-breakpoint
CREATE INDEX "requests_of" ON "requests" USING btree ("to_agent","status");--> statement-breakpoint
CREATE UNIQUE INDEX "routes_conditions" ON "routes" USING btree ("project_id","requires","assigned_to");--> statement-breakpoint
CREATE INDEX "sessions_agent" ON "sessions" USING btree ("agent_id","incarnation");--> statement-breakpoint
CREATE INDEX "sessions_project" ON "sessions" USING btree ("project_id","id");--> statement-breakpoint
CREATE INDEX "sessions_credential" ON "sessions" USING btree ("credential_id");--> statement-breakpoint
CREATE INDEX "sessions_revoked" ON "sessions" USING btree ("revoked_at") WHERE revoked_at is not null;--> statement-breakpoint
CREATE INDEX "subscriptions_topic" ON "subscriptions" USING btree ("project_id","topic","agent_id");--> statement-breakpoint
CREATE INDEX "task_counts_story" ON "task_counts" USING btree ("project_id","story");--> statement-breakpoint
CREATE INDEX "task_dependents" ON "task_dependencies" USING btree ("depends_on_id");--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_external" ON "tasks" USING btree ("project_id","external_id");--> statement-breakpoint
CREATE INDEX "tasks_ready" ON "tasks" USING btree ("project_id","ready","rank","ord") WHERE ready is not null;--> statement-breakpoint
CREATE INDEX "tasks_starving" ON "tasks" USING btree ("project_id","ready","ready_at") WHERE ready is not null and rank = 4;--> statement-breakpoint
CREATE INDEX "tasks_parked" ON "tasks" USING btree ("project_id","parked_on","rank","ord") WHERE parked_on is not null;--> statement-breakpoint
CREATE INDEX "tasks_timeouts" ON "tasks" USING btree ("project_id","timeout_at") WHERE timeout_at is not null;--> statement-breakpoint
CREATE INDEX "tasks_due" ON "tasks" USING btree ("project_id","not_before") WHERE status = 'pending' and ready is null and parked_on is null;--> statement-breakpoint
CREATE INDEX "tasks_leases" ON "tasks" USING btree ("project_id","lease_expires_at") WHERE status = 'in_progress';--> statement-breakpoint
CREATE INDEX "tasks_held" ON "tasks" USING btree ("agent_id","status") WHERE agent_id is not null;--> statement-breakpoint
CREATE INDEX "tasks_status" ON "tasks" USING btree ("project_id","status","ord");--> statement-breakpoint
CREATE INDEX "tasks_created" ON "tasks" USING btree ("project_id","ord");--> statement-breakpoint
CREATE INDEX "tasks_epic" ON "tasks" USING btree ("project_id","epic","ord") WHERE epic is not null;--> statement-breakpoint
CREATE INDEX "tasks_story" ON "tasks" USING btree ("project_id","story","ord") WHERE story is not null;--> statement-breakpoint
CREATE INDEX "tasks_parent" ON "tasks" USING btree ("parent_id","ord") WHERE parent_id is not null;
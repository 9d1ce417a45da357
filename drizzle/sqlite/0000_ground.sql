CREATE TABLE `agents` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	`role` text NOT NULL,
	`capabilities` text NOT NULL,
	`status` text DEFAULT 'active' NOT NULL,
	`incarnation` integer DEFAULT 1 NOT NULL,
	`instance_hash` text,
	`credential_id` text,
	`paused_at` integer,
	`draining_at` integer,
	`registered_at` integer NOT NULL,
	`last_activity` integer NOT NULL,
	`metadata` text NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `agents_name` ON `agents` (`project_id`,`name`);--> statement-breakpoint
CREATE INDEX `agents_silent` ON `agents` (`last_activity`) WHERE status = 'active';--> statement-breakpoint
CREATE TABLE `artifacts` (
	`task_id` text NOT NULL,
	`name` text NOT NULL,
	`uri` text NOT NULL,
	`sha256` text,
	`bytes` integer,
	`media_type` text,
	`attempt` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`task_id`, `name`),
	FOREIGN KEY (`task_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `bodies` (
	`id` text PRIMARY KEY NOT NULL,
	`payload` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `credentials` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`secret_hash` text NOT NULL,
	`previous_hash` text,
	`previous_until` integer,
	`scopes` text NOT NULL,
	`role_ceiling` text NOT NULL,
	`max_uses` integer,
	`uses` integer DEFAULT 0 NOT NULL,
	`cidrs` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`last_used_at` integer,
	`revoked_at` integer,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "credentials_uses" CHECK("credentials"."max_uses" is null or "credentials"."uses" <= "credentials"."max_uses")
);
--> statement-breakpoint
CREATE INDEX `credentials_revoked` ON `credentials` (`revoked_at`) WHERE revoked_at is not null;--> statement-breakpoint
CREATE TABLE `delivery_failures` (
	`message_id` text NOT NULL,
	`redrives` integer DEFAULT 0 NOT NULL,
	`attempt` integer NOT NULL,
	`at` integer NOT NULL,
	`reason` text NOT NULL,
	`error` text,
	PRIMARY KEY(`message_id`, `redrives`, `attempt`),
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `denials` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`project_id` text,
	`at` integer NOT NULL,
	`subject` text,
	`path` text NOT NULL,
	`code` text NOT NULL,
	`address` text,
	`request_id` text NOT NULL,
	`count` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `denials_project` ON `denials` (`project_id`,`ord`);--> statement-breakpoint
CREATE TABLE `events` (
	`project_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`subject` text,
	`actor` text,
	`task_id` text,
	`epic` text,
	`thread_id` text,
	`audience` text,
	`data` text NOT NULL,
	`session_id` text,
	`credential_id` text,
	`request_id` text,
	PRIMARY KEY(`project_id`, `seq`),
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `health_metrics` (
	`agent_id` text NOT NULL,
	`timestamp` integer NOT NULL,
	`requests_handled` integer,
	`avg_response_time` real,
	`error_rate` real,
	`cpu_usage` real,
	`memory_usage` real,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `health_metrics_agent` ON `health_metrics` (`agent_id`,`timestamp`);--> statement-breakpoint
CREATE TABLE `idempotency` (
	`project_id` text NOT NULL,
	`principal` text NOT NULL,
	`procedure` text NOT NULL,
	`key` text NOT NULL,
	`input_hash` text NOT NULL,
	`reply` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`project_id`, `principal`, `procedure`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_age` ON `idempotency` (`created_at`);--> statement-breakpoint
CREATE TABLE `locks` (
	`project_id` text NOT NULL,
	`lock` text NOT NULL,
	`task_id` text NOT NULL,
	`exclusive` integer NOT NULL,
	`since` integer NOT NULL,
	PRIMARY KEY(`project_id`, `lock`, `task_id`),
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`task_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `locks_exclusive` ON `locks` (`project_id`,`lock`) WHERE exclusive = 1;--> statement-breakpoint
CREATE INDEX `locks_task` ON `locks` (`task_id`);--> statement-breakpoint
CREATE TABLE `mailboxes` (
	`agent_id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`accepted` integer DEFAULT 0 NOT NULL,
	`pending` integer DEFAULT 0 NOT NULL,
	`delivered` integer DEFAULT 0 NOT NULL,
	`acked` integer DEFAULT 0 NOT NULL,
	`dead` integer DEFAULT 0 NOT NULL,
	`expired` integer DEFAULT 0 NOT NULL,
	`purged` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "mailboxes_conserved" CHECK(accepted = pending + delivered + acked + dead + expired + purged and pending >= 0 and delivered >= 0 and acked >= 0 and dead >= 0)
);
--> statement-breakpoint
CREATE INDEX `mailboxes_project` ON `mailboxes` (`project_id`);--> statement-breakpoint
CREATE TABLE `messages` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`project_id` text NOT NULL,
	`from_agent` text,
	`to_agent` text NOT NULL,
	`address` text,
	`type` text NOT NULL,
	`payload` text,
	`body_id` text,
	`priority` integer NOT NULL,
	`status` text DEFAULT 'pending' NOT NULL,
	`ready` integer,
	`thread_id` text,
	`reply_to` text,
	`correlation_id` text,
	`task_id` text,
	`created_at` integer NOT NULL,
	`delivered_at` integer,
	`retry_count` integer DEFAULT 0 NOT NULL,
	`max_deliver` integer NOT NULL,
	`redrives` integer DEFAULT 0 NOT NULL,
	`expires_at` integer,
	`receipt` text,
	`ack_by` integer,
	`not_before` integer,
	`ended_at` integer,
	`last_error` text,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`to_agent`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`body_id`) REFERENCES `bodies`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "messages_status_known" CHECK(status in ('pending', 'delivered', 'acked', 'dead', 'expired')),
	CONSTRAINT "messages_receipt_when_delivered" CHECK(status <> 'delivered' or receipt is not null),
	CONSTRAINT "messages_one_payload" CHECK((payload is null) <> (body_id is null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `messages_id_unique` ON `messages` (`id`);--> statement-breakpoint
CREATE INDEX `messages_ready` ON `messages` (`to_agent`,`ready`,`priority`,`ord`) WHERE ready is not null;--> statement-breakpoint
CREATE INDEX `messages_due` ON `messages` (`project_id`,`not_before`) WHERE status = 'pending' and ready is null;--> statement-breakpoint
CREATE INDEX `messages_unacked` ON `messages` (`project_id`,`ack_by`) WHERE status = 'delivered';--> statement-breakpoint
CREATE INDEX `messages_expiring` ON `messages` (`project_id`,`expires_at`) WHERE status = 'pending' and expires_at is not null;--> statement-breakpoint
CREATE INDEX `messages_in` ON `messages` (`to_agent`,`ord`);--> statement-breakpoint
CREATE INDEX `messages_out` ON `messages` (`from_agent`,`ord`) WHERE from_agent is not null;--> statement-breakpoint
CREATE INDEX `messages_sent` ON `messages` (`project_id`,`ord`);--> statement-breakpoint
CREATE INDEX `messages_thread` ON `messages` (`project_id`,`thread_id`,`ord`) WHERE thread_id is not null;--> statement-breakpoint
CREATE INDEX `messages_task` ON `messages` (`task_id`,`ord`) WHERE task_id is not null;--> statement-breakpoint
CREATE INDEX `messages_dead` ON `messages` (`project_id`,`ord`) WHERE status = 'dead';--> statement-breakpoint
CREATE INDEX `messages_body` ON `messages` (`body_id`) WHERE body_id is not null;--> statement-breakpoint
CREATE INDEX `messages_in_flight` ON `messages` (`to_agent`) WHERE status = 'delivered';--> statement-breakpoint
CREATE TABLE `orphan_results` (
	`task_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`agent_id` text NOT NULL,
	`result` text,
	`at` integer NOT NULL,
	PRIMARY KEY(`task_id`, `attempt`),
	FOREIGN KEY (`task_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `paused_epics` (
	`project_id` text NOT NULL,
	`epic` text NOT NULL,
	`paused_at` integer NOT NULL,
	PRIMARY KEY(`project_id`, `epic`),
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `plan_rows` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`plan_id` text NOT NULL,
	`external_id` text NOT NULL,
	`spec` text NOT NULL,
	FOREIGN KEY (`plan_id`) REFERENCES `plans`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `plan_rows_external` ON `plan_rows` (`plan_id`,`external_id`);--> statement-breakpoint
CREATE TABLE `plans` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`status` text DEFAULT 'open' NOT NULL,
	`created_by` text,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `pools` (
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`size` integer NOT NULL,
	PRIMARY KEY(`project_id`, `name`),
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `projects` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`path` text,
	`created_at` integer NOT NULL,
	`paused_at` integer,
	`routes` integer DEFAULT 0 NOT NULL,
	`seq` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `projects_name_unique` ON `projects` (`name`);--> statement-breakpoint
CREATE TABLE `requests` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`method` text NOT NULL,
	`from_agent` text,
	`to_agent` text NOT NULL,
	`message_id` text NOT NULL,
	`status` text DEFAULT 'waiting' NOT NULL,
	`reply` text,
	`created_at` integer NOT NULL,
	`deadline_at` integer NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`to_agent`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "requests_status_known" CHECK(status in ('waiting', 'replied', 'timed_out'))
);
--> statement-breakpoint
CREATE INDEX `requests_waiting` ON `requests` (`project_id`,`deadline_at`) WHERE status = 'waiting';--> statement-breakpoint
CREATE INDEX `requests_of` ON `requests` (`to_agent`,`status`);--> statement-breakpoint
CREATE TABLE `routes` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`project_id` text NOT NULL,
	`requires` text NOT NULL,
	`assigned_to` text NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `routes_conditions` ON `routes` (`project_id`,`requires`,`assigned_to`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`agent_id` text NOT NULL,
	`incarnation` integer NOT NULL,
	`credential_id` text,
	`refresh_hash` text NOT NULL,
	`parent_hash` text,
	`nonce_hash` text,
	`created_at` integer NOT NULL,
	`refreshed_at` integer NOT NULL,
	`revoked_at` integer,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`credential_id`) REFERENCES `credentials`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `sessions_agent` ON `sessions` (`agent_id`,`incarnation`);--> statement-breakpoint
CREATE INDEX `sessions_project` ON `sessions` (`project_id`,`id`);--> statement-breakpoint
CREATE INDEX `sessions_credential` ON `sessions` (`credential_id`);--> statement-breakpoint
CREATE INDEX `sessions_revoked` ON `sessions` (`revoked_at`) WHERE revoked_at is not null;--> statement-breakpoint
CREATE TABLE `store_facts` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `subscriptions` (
	`agent_id` text NOT NULL,
	`topic` text NOT NULL,
	`project_id` text NOT NULL,
	PRIMARY KEY(`agent_id`, `topic`),
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `subscriptions_topic` ON `subscriptions` (`project_id`,`topic`,`agent_id`);--> statement-breakpoint
CREATE TABLE `task_counts` (
	`project_id` text NOT NULL,
	`epic` text NOT NULL,
	`story` text NOT NULL,
	`status` text NOT NULL,
	`tasks` integer NOT NULL,
	PRIMARY KEY(`project_id`, `epic`, `story`, `status`)
);
--> statement-breakpoint
CREATE INDEX `task_counts_story` ON `task_counts` (`project_id`,`story`);--> statement-breakpoint
CREATE TABLE `task_dependencies` (
	`task_id` text NOT NULL,
	`depends_on_id` text NOT NULL,
	PRIMARY KEY(`task_id`, `depends_on_id`),
	FOREIGN KEY (`task_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`depends_on_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `task_dependents` ON `task_dependencies` (`depends_on_id`);--> statement-breakpoint
CREATE TABLE `tasks` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`project_id` text NOT NULL,
	`external_id` text,
	`plan_hash` text,
	`agent_id` text,
	`type` text NOT NULL,
	`epic` text,
	`story` text,
	`title` text,
	`description` text,
	`parent_id` text,
	`requires` text NOT NULL,
	`assigned_to` text,
	`priority` integer NOT NULL,
	`rank` integer DEFAULT 3 NOT NULL,
	`status` text NOT NULL,
	`acceptance` text DEFAULT 'complete' NOT NULL,
	`route_id` integer NOT NULL,
	`ready` integer,
	`ready_at` integer,
	`parked_on` text,
	`dependencies` integer DEFAULT 0 NOT NULL,
	`open_deps` integer DEFAULT 0 NOT NULL,
	`on_dependency_failure` text DEFAULT 'block' NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`max_attempts` integer NOT NULL,
	`not_before` integer,
	`schedule_to_start_ms` integer,
	`start_to_close_ms` integer DEFAULT 7200000 NOT NULL,
	`close_by` integer,
	`timeout_at` integer,
	`incarnation` integer,
	`lease_token` text,
	`lease_ms` integer,
	`lease_expires_at` integer,
	`unlisted_beats` integer DEFAULT 0 NOT NULL,
	`locks` text,
	`held_locks` integer DEFAULT 0 NOT NULL,
	`progress` text,
	`result` text,
	`error` text,
	`input_request` text,
	`input` text,
	`review` text,
	`artifacts` integer DEFAULT 0 NOT NULL,
	`orphans` integer DEFAULT 0 NOT NULL,
	`revision` integer DEFAULT 1 NOT NULL,
	`metadata` text NOT NULL,
	`created_by` text,
	`created_at` integer NOT NULL,
	`completed_at` integer,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`route_id`) REFERENCES `routes`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "tasks_status_known" CHECK(status in ('blocked', 'pending', 'in_progress', 'input_required', 'in_review', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "tasks_lease_with_holder" CHECK(status <> 'in_progress' or (lease_token is not null and agent_id is not null)),
	CONSTRAINT "tasks_ready_is_pending" CHECK(ready is null or (status = 'pending' and open_deps = 0)),
	CONSTRAINT "tasks_parked_is_pending" CHECK(parked_on is null or (status = 'pending' and ready is null)),
	CONSTRAINT "tasks_deps_counted" CHECK(open_deps >= 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_id_unique` ON `tasks` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_external` ON `tasks` (`project_id`,`external_id`);--> statement-breakpoint
CREATE INDEX `tasks_ready` ON `tasks` (`project_id`,`ready`,`rank`,`ord`) WHERE ready is not null;--> statement-breakpoint
CREATE INDEX `tasks_starving` ON `tasks` (`project_id`,`ready`,`ready_at`) WHERE ready is not null and rank = 4;--> statement-breakpoint
CREATE INDEX `tasks_parked` ON `tasks` (`project_id`,`parked_on`,`rank`,`ord`) WHERE parked_on is not null;--> statement-breakpoint
CREATE INDEX `tasks_timeouts` ON `tasks` (`project_id`,`timeout_at`) WHERE timeout_at is not null;--> statement-breakpoint
CREATE INDEX `tasks_due` ON `tasks` (`project_id`,`not_before`) WHERE status = 'pending' and ready is null and parked_on is null;--> statement-breakpoint
CREATE INDEX `tasks_leases` ON `tasks` (`project_id`,`lease_expires_at`) WHERE status = 'in_progress';--> statement-breakpoint
CREATE INDEX `tasks_held` ON `tasks` (`agent_id`,`status`) WHERE agent_id is not null;--> statement-breakpoint
CREATE INDEX `tasks_status` ON `tasks` (`project_id`,`status`,`ord`);--> statement-breakpoint
CREATE INDEX `tasks_created` ON `tasks` (`project_id`,`ord`);--> statement-breakpoint
CREATE INDEX `tasks_epic` ON `tasks` (`project_id`,`epic`,`ord`) WHERE epic is not null;--> statement-breakpoint
CREATE INDEX `tasks_story` ON `tasks` (`project_id`,`story`,`ord`) WHERE story is not null;--> statement-breakpoint
CREATE INDEX `tasks_parent` ON `tasks` (`parent_id`,`ord`) WHERE parent_id is not null;
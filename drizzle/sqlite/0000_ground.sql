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
	`registered_at` integer NOT NULL,
	`last_activity` integer NOT NULL,
	`metadata` text NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `agents_name` ON `agents` (`project_id`,`name`);--> statement-breakpoint
CREATE INDEX `agents_silent` ON `agents` (`last_activity`) WHERE status = 'active';--> statement-breakpoint
CREATE TABLE `bodies` (
	`id` text PRIMARY KEY NOT NULL,
	`payload` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `delivery_failures` (
	`message_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`at` integer NOT NULL,
	`reason` text NOT NULL,
	`error` text,
	PRIMARY KEY(`message_id`, `attempt`),
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
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
CREATE TABLE `messages` (
	`ord` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`project_id` text NOT NULL,
	`from_agent` text,
	`to_agent` text NOT NULL,
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
CREATE INDEX `messages_in_flight` ON `messages` (`to_agent`) WHERE status = 'delivered';--> statement-breakpoint
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
CREATE TABLE `projects` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`path` text,
	`created_at` integer NOT NULL,
	`seq` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `projects_name_unique` ON `projects` (`name`);--> statement-breakpoint
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
	`agent_id` text NOT NULL,
	`incarnation` integer NOT NULL,
	`refresh_hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `sessions_agent` ON `sessions` (`agent_id`,`incarnation`);--> statement-breakpoint
CREATE TABLE `store_facts` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
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
	`status` text NOT NULL,
	`route_id` integer NOT NULL,
	`ready` integer,
	`dependencies` integer DEFAULT 0 NOT NULL,
	`open_deps` integer DEFAULT 0 NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`max_attempts` integer NOT NULL,
	`not_before` integer,
	`incarnation` integer,
	`lease_token` text,
	`lease_ms` integer,
	`lease_expires_at` integer,
	`unlisted_beats` integer DEFAULT 0 NOT NULL,
	`progress` text,
	`result` text,
	`error` text,
	`revision` integer DEFAULT 1 NOT NULL,
	`metadata` text NOT NULL,
	`created_by` text,
	`created_at` integer NOT NULL,
	`completed_at` integer,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`agent_id`) REFERENCES `agents`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`route_id`) REFERENCES `routes`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "tasks_status_known" CHECK(status in ('blocked', 'pending', 'in_progress', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "tasks_lease_with_holder" CHECK(status <> 'in_progress' or (lease_token is not null and agent_id is not null)),
	CONSTRAINT "tasks_ready_is_pending" CHECK(ready is null or (status = 'pending' and open_deps = 0)),
	CONSTRAINT "tasks_deps_counted" CHECK(open_deps >= 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_id_unique` ON `tasks` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_external` ON `tasks` (`project_id`,`external_id`);--> statement-breakpoint
CREATE INDEX `tasks_ready` ON `tasks` (`project_id`,`ready`,`priority`,`ord`) WHERE ready is not null;--> statement-breakpoint
CREATE INDEX `tasks_due` ON `tasks` (`project_id`,`not_before`) WHERE status = 'pending' and ready is null;--> statement-breakpoint
CREATE INDEX `tasks_leases` ON `tasks` (`project_id`,`lease_expires_at`) WHERE status = 'in_progress';--> statement-breakpoint
CREATE INDEX `tasks_held` ON `tasks` (`agent_id`,`status`) WHERE status = 'in_progress';--> statement-breakpoint
CREATE INDEX `tasks_status` ON `tasks` (`project_id`,`status`,`ord`);--> statement-breakpoint
CREATE INDEX `tasks_created` ON `tasks` (`project_id`,`ord`);--> statement-breakpoint
CREATE INDEX `tasks_epic` ON `tasks` (`project_id`,`epic`,`ord`) WHERE epic is not null;--> statement-breakpoint
CREATE INDEX `tasks_parent` ON `tasks` (`parent_id`,`ord`) WHERE parent_id is not null;
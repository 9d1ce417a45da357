-- minReader: 10
CREATE TABLE "webhook_dead_letters" (
	"ord" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "webhook_dead_letters_ord_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project_id" text COLLATE "C" NOT NULL,
	"webhook_id" text COLLATE "C" NOT NULL,
	"message_id" text COLLATE "C" NOT NULL,
	"body" text COLLATE "C" NOT NULL,
	"seq" bigint NOT NULL,
	"attempts" bigint NOT NULL,
	"last_error" text COLLATE "C" NOT NULL,
	"at" bigint NOT NULL,
	"redriven" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhooks" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"project_id" text COLLATE "C" NOT NULL,
	"owner" text COLLATE "C" NOT NULL,
	"owner_key" text COLLATE "C",
	"owner_agent" text COLLATE "C",
	"url" text COLLATE "C" NOT NULL,
	"format" text COLLATE "C" NOT NULL,
	"filter" text COLLATE "C" NOT NULL,
	"state" text COLLATE "C" DEFAULT 'active' NOT NULL,
	"seq" bigint NOT NULL,
	"secret" text COLLATE "C" NOT NULL,
	"previous_secret" text COLLATE "C",
	"previous_until" bigint,
	"failures" bigint DEFAULT 0 NOT NULL,
	"failing_since" bigint,
	"next_at" bigint,
	"last_error" text COLLATE "C",
	"delivered_at" bigint,
	"redrive" bigint DEFAULT 0 NOT NULL,
	"lease" text COLLATE "C",
	"lease_until" bigint,
	"expires_at" bigint,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "webhook_dead_letters" ADD CONSTRAINT "webhook_dead_letters_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_dead_letters" ADD CONSTRAINT "webhook_dead_letters_webhook_id_webhooks_id_fk" FOREIGN KEY ("webhook_id") REFERENCES "public"."webhooks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "webhook_dead_letters_webhook" ON "webhook_dead_letters" USING btree ("webhook_id","ord");--> statement-breakpoint
CREATE INDEX "webhooks_project" ON "webhooks" USING btree ("project_id","id");
CREATE TABLE "event_pages" (
	"project_id" text COLLATE "C" NOT NULL,
	"last" bigint NOT NULL,
	"first" bigint NOT NULL,
	"at" bigint NOT NULL,
	"form" bigint NOT NULL,
	"lines" text COLLATE "C" NOT NULL,
	CONSTRAINT "event_pages_project_id_last_pk" PRIMARY KEY("project_id","last"),
	CONSTRAINT "event_pages_range" CHECK ("event_pages"."first" between 1 and "event_pages"."last")
);
--> statement-breakpoint
ALTER TABLE "event_pages" ADD CONSTRAINT "event_pages_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE TRIGGER event_pages_are_only_added BEFORE UPDATE ON event_pages FOR EACH ROW EXECUTE FUNCTION only_added();
--> statement-breakpoint
-- One row for each event, for those who open the database. The server reads the pages.
CREATE VIEW event_log AS
SELECT project_id, seq, at, type, subject, actor, task_id, epic, thread_id, audience, data, session_id, credential_id, request_id FROM events
UNION ALL
SELECT project_id, seq, at, type, subject, actor,
  CASE json_typeof(line -> 6) WHEN 'string' THEN line ->> 6 WHEN 'number' THEN CASE line ->> 6 WHEN '1' THEN subject END END AS task_id,
  CASE json_typeof(line -> 9) WHEN 'string' THEN line ->> 9 END AS epic,
  CASE json_typeof(line -> 8) WHEN 'string' THEN line ->> 8 END AS thread_id,
  CASE json_typeof(line -> 7) WHEN 'array' THEN (
    SELECT '[' || coalesce(string_agg(CASE a.value::text
      WHEN '1' THEN to_json(subject)::text
      WHEN '2' THEN to_json(actor)::text
      WHEN '3' THEN coalesce(line -> 5 -> 'to', line -> 5 -> 1)::text
      ELSE a.value::text END, ',' ORDER BY a.n), '') || ']'
    FROM json_array_elements(line -> 7) WITH ORDINALITY a(value, n)
  ) END AS audience,
  CASE CASE json_typeof(line -> 5) WHEN 'array' THEN (line -> 5 ->> 0)::int END
    WHEN 0 THEN '{"messageId":' || coalesce(to_json(subject)::text, 'null') || ',"from":' || coalesce(to_json(actor)::text, 'null') || ',"to":' || (line -> 5 -> 1)::text || ',"type":' || (line -> 5 -> 2)::text || ',"priority":' || (line -> 5 -> 3)::text || '}'
    WHEN 1 THEN '{"messageId":' || coalesce(to_json(subject)::text, 'null') || ',"attempt":' || (line -> 5 -> 1)::text || '}'
    WHEN 2 THEN '{"status":' || (line -> 5 -> 1)::text || ',"type":' || (line -> 5 -> 2)::text || ',"title":' || (line -> 5 -> 3)::text || ',"externalId":' || (line -> 5 -> 4)::text || '}'
    WHEN 3 THEN '{"attempt":' || (line -> 5 -> 1)::text || ',"agentId":' || coalesce(to_json(actor)::text, 'null') || ',"leaseExpiresAt":' || (line -> 5 -> 2)::text || '}'
    WHEN 4 THEN '{"attempt":' || (line -> 5 -> 1)::text || ',"agentId":' || coalesce(to_json(actor)::text, 'null') || '}'
    ELSE (line -> 5)::text END AS data,
  CASE json_typeof(line -> 4) WHEN 'string' THEN line ->> 4 END AS session_id,
  CASE json_typeof(line -> 10) WHEN 'string' THEN line ->> 10 END AS credential_id,
  CASE json_typeof(line -> 3) WHEN 'string' THEN line ->> 3 END AS request_id
FROM (
  SELECT p.project_id, p.first + e.n - 1 AS seq, p.at, e.line,
    CASE json_typeof(e.line -> 0)
      WHEN 'number' THEN (ARRAY['message.sent', 'message.acked', 'message.shown', 'task.created', 'task.claimed', 'task.completed', 'task.unblocked', 'task.progressed', 'task.released', 'task.updated', 'agent.offline', 'agent.online'])[(e.line ->> 0)::int + 1]
      ELSE e.line ->> 0 END AS type,
    CASE json_typeof(e.line -> 1) WHEN 'string' THEN e.line ->> 1 END AS subject,
    CASE json_typeof(e.line -> 2) WHEN 'string' THEN e.line ->> 2 WHEN 'number' THEN CASE e.line ->> 2 WHEN '1' THEN e.line ->> 1 END END AS actor
  FROM event_pages p CROSS JOIN LATERAL (
    SELECT text::json AS line, n FROM string_to_table(p.lines, chr(10)) WITH ORDINALITY s(text, n)
  ) e
  WHERE p.form = 1
) l;

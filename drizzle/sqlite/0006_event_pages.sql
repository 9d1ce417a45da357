CREATE TABLE `event_pages` (
	`project_id` text NOT NULL,
	`last` integer NOT NULL,
	`first` integer NOT NULL,
	`at` integer NOT NULL,
	`form` integer NOT NULL,
	`lines` text NOT NULL,
	PRIMARY KEY(`project_id`, `last`),
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "event_pages_range" CHECK("event_pages"."first" between 1 and "event_pages"."last")
);

--> statement-breakpoint
CREATE TRIGGER event_pages_are_only_added BEFORE UPDATE ON event_pages BEGIN
  SELECT RAISE(ABORT, 'event_pages are only added');
END;
--> statement-breakpoint
-- One row for each event, for those who open the file. The server reads the pages.
CREATE VIEW event_log AS
SELECT project_id, seq, at, type, subject, actor, task_id, epic, thread_id, audience, data, session_id, credential_id, request_id FROM events
UNION ALL
SELECT project_id, seq, at, type, subject, actor,
  CASE json_type(line, '$[6]') WHEN 'text' THEN line ->> 6 WHEN 'integer' THEN iif(line ->> 6 = 1, subject, NULL) END AS task_id,
  nullif(line ->> 9, 0) AS epic,
  nullif(line ->> 8, 0) AS thread_id,
  CASE json_type(line, '$[7]') WHEN 'array' THEN (
    SELECT json_group_array(CASE a.value
      WHEN 1 THEN subject
      WHEN 2 THEN actor
      WHEN 3 THEN coalesce(line ->> '$[5].to', line ->> '$[5][1]')
      ELSE a.value END)
    FROM json_each(line, '$[7]') a
  ) END AS audience,
  CASE iif(json_type(line, '$[5]') = 'array', line ->> '$[5][0]', NULL)
    WHEN 0 THEN '{"messageId":' || json_quote(subject) || ',"from":' || json_quote(actor) || ',"to":' || (line -> '$[5][1]') || ',"type":' || (line -> '$[5][2]') || ',"priority":' || (line -> '$[5][3]') || '}'
    WHEN 1 THEN '{"messageId":' || json_quote(subject) || ',"attempt":' || (line -> '$[5][1]') || '}'
    WHEN 2 THEN '{"status":' || (line -> '$[5][1]') || ',"type":' || (line -> '$[5][2]') || ',"title":' || (line -> '$[5][3]') || ',"externalId":' || (line -> '$[5][4]') || '}'
    WHEN 3 THEN '{"attempt":' || (line -> '$[5][1]') || ',"agentId":' || json_quote(actor) || ',"leaseExpiresAt":' || (line -> '$[5][2]') || '}'
    WHEN 4 THEN '{"attempt":' || (line -> '$[5][1]') || ',"agentId":' || json_quote(actor) || '}'
    ELSE line -> 5 END AS data,
  nullif(line ->> 4, 0) AS session_id,
  nullif(line ->> 10, 0) AS credential_id,
  nullif(line ->> 3, 0) AS request_id
FROM (
  SELECT p.project_id, p.first + e.key AS seq, p.at, e.value AS line,
    CASE json_type(e.value, '$[0]')
      WHEN 'integer' THEN '["message.sent","message.acked","message.shown","task.created","task.claimed","task.completed","task.unblocked","task.progressed","task.released","task.updated","agent.offline","agent.online"]' ->> (e.value ->> 0)
      ELSE e.value ->> 0 END AS type,
    nullif(e.value ->> 1, 0) AS subject,
    CASE json_type(e.value, '$[2]') WHEN 'text' THEN e.value ->> 2 WHEN 'integer' THEN iif(e.value ->> 2 = 1, e.value ->> 1, NULL) END AS actor
  FROM event_pages p, json_each('[' || replace(p.lines, char(10), ',') || ']') e
  WHERE p.form = 1
);

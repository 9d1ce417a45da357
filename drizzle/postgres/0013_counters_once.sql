-- minReader: 10
-- Counters change once for each statement instead of once for each row: a statement of a batch has hundreds of rows, and
-- the counters took half of its time. Rows are counted in the order of the counters' keys, so that two transactions
-- that count the same ones do not deadlock.
DROP TRIGGER messages_counted_in ON messages;
--> statement-breakpoint
DROP TRIGGER messages_counted_over ON messages;
--> statement-breakpoint
DROP TRIGGER messages_counted_out ON messages;
--> statement-breakpoint
DROP TRIGGER tasks_counted_in ON tasks;
--> statement-breakpoint
DROP TRIGGER tasks_counted_over ON tasks;
--> statement-breakpoint
DROP TRIGGER tasks_counted_out ON tasks;
--> statement-breakpoint
DROP FUNCTION messages_counted();
--> statement-breakpoint
DROP FUNCTION tasks_counted();
--> statement-breakpoint
DROP FUNCTION count_task(text, text, text, text, bigint);
--> statement-breakpoint
-- The settings keep the planner, which plans once for any number of rows, from a scan of all mailboxes.
CREATE FUNCTION messages_counted() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE mailboxes SET
      accepted = mailboxes.accepted + c.messages,
      pending = mailboxes.pending + c.pending,
      delivered = mailboxes.delivered + c.delivered,
      acked = mailboxes.acked + c.acked,
      dead = mailboxes.dead + c.dead,
      expired = mailboxes.expired + c.expired
    FROM (
      SELECT to_agent, count(*) AS messages,
        count(*) FILTER (WHERE status = 'pending') AS pending,
        count(*) FILTER (WHERE status = 'delivered') AS delivered,
        count(*) FILTER (WHERE status = 'acked') AS acked,
        count(*) FILTER (WHERE status = 'dead') AS dead,
        count(*) FILTER (WHERE status = 'expired') AS expired
      FROM added GROUP BY to_agent ORDER BY to_agent
    ) AS c
    WHERE mailboxes.agent_id = c.to_agent;
  ELSIF TG_OP = 'DELETE' THEN
    UPDATE mailboxes SET
      purged = mailboxes.purged + c.messages,
      pending = mailboxes.pending - c.pending,
      delivered = mailboxes.delivered - c.delivered,
      acked = mailboxes.acked - c.acked,
      dead = mailboxes.dead - c.dead,
      expired = mailboxes.expired - c.expired
    FROM (
      SELECT to_agent, count(*) AS messages,
        count(*) FILTER (WHERE status = 'pending') AS pending,
        count(*) FILTER (WHERE status = 'delivered') AS delivered,
        count(*) FILTER (WHERE status = 'acked') AS acked,
        count(*) FILTER (WHERE status = 'dead') AS dead,
        count(*) FILTER (WHERE status = 'expired') AS expired
      FROM removed GROUP BY to_agent ORDER BY to_agent
    ) AS c
    WHERE mailboxes.agent_id = c.to_agent;
  ELSE
    UPDATE mailboxes SET
      accepted = mailboxes.accepted + c.messages,
      pending = mailboxes.pending + c.pending,
      delivered = mailboxes.delivered + c.delivered,
      acked = mailboxes.acked + c.acked,
      dead = mailboxes.dead + c.dead,
      expired = mailboxes.expired + c.expired
    FROM (
      SELECT to_agent, sum(by) AS messages,
        coalesce(sum(by) FILTER (WHERE status = 'pending'), 0) AS pending,
        coalesce(sum(by) FILTER (WHERE status = 'delivered'), 0) AS delivered,
        coalesce(sum(by) FILTER (WHERE status = 'acked'), 0) AS acked,
        coalesce(sum(by) FILTER (WHERE status = 'dead'), 0) AS dead,
        coalesce(sum(by) FILTER (WHERE status = 'expired'), 0) AS expired
      FROM (
        SELECT to_agent, status, 1 AS by FROM added
        UNION ALL
        SELECT to_agent, status, -1 AS by FROM removed
      ) AS changed
      GROUP BY to_agent ORDER BY to_agent
    ) AS c
    WHERE mailboxes.agent_id = c.to_agent
      AND (c.messages <> 0 OR c.pending <> 0 OR c.delivered <> 0 OR c.acked <> 0 OR c.dead <> 0 OR c.expired <> 0);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER messages_counted_in AFTER INSERT ON messages
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION messages_counted();
--> statement-breakpoint
CREATE TRIGGER messages_counted_over AFTER UPDATE ON messages
REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION messages_counted();
--> statement-breakpoint
CREATE TRIGGER messages_counted_out AFTER DELETE ON messages
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION messages_counted();
--> statement-breakpoint
CREATE FUNCTION tasks_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO task_counts (project_id, epic, story, status, tasks)
    SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, count(*)
    FROM added GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (project_id, epic, story, status) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO task_counts (project_id, epic, story, status, tasks)
    SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, -count(*)
    FROM removed GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (project_id, epic, story, status) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
  ELSE
    INSERT INTO task_counts (project_id, epic, story, status, tasks)
    SELECT project_id, epic, story, status, sum(by)
    FROM (
      SELECT project_id, coalesce(epic, '') AS epic, coalesce(story, '') AS story, status, 1 AS by FROM added
      UNION ALL
      SELECT project_id, coalesce(epic, ''), coalesce(story, ''), status, -1 FROM removed
    ) AS changed
    GROUP BY 1, 2, 3, 4 HAVING sum(by) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (project_id, epic, story, status) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_in AFTER INSERT ON tasks
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tasks_counted();
--> statement-breakpoint
CREATE TRIGGER tasks_counted_over AFTER UPDATE ON tasks
REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION tasks_counted();
--> statement-breakpoint
CREATE TRIGGER tasks_counted_out AFTER DELETE ON tasks
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION tasks_counted();

-- Counters that no statement can forget: how many tasks stand where, how many routes a project has, and how many messages
-- each mailbox holds.
CREATE FUNCTION count_task(project text, task_epic text, task_story text, task_status text, by bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO task_counts (project_id, epic, story, status, tasks)
  VALUES (project, coalesce(task_epic, ''), coalesce(task_story, ''), task_status, by)
  ON CONFLICT (project_id, epic, story, status) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
$$;
--> statement-breakpoint
CREATE FUNCTION tasks_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM count_task(OLD.project_id, OLD.epic, OLD.story, OLD.status, -1);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM count_task(NEW.project_id, NEW.epic, NEW.story, NEW.status, 1);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_in AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_counted();
--> statement-breakpoint
CREATE TRIGGER tasks_counted_over AFTER UPDATE OF status, epic, story ON tasks FOR EACH ROW
WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.epic IS DISTINCT FROM NEW.epic OR OLD.story IS DISTINCT FROM NEW.story)
EXECUTE FUNCTION tasks_counted();
--> statement-breakpoint
CREATE TRIGGER tasks_counted_out AFTER DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_counted();
--> statement-breakpoint
CREATE FUNCTION route_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE projects SET routes = routes + 1 WHERE id = NEW.project_id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER routes_counted AFTER INSERT ON routes FOR EACH ROW EXECUTE FUNCTION route_counted();
--> statement-breakpoint
CREATE FUNCTION agent_gets_a_mailbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO mailboxes (agent_id, project_id) VALUES (NEW.id, NEW.project_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER agents_get_a_mailbox AFTER INSERT ON agents FOR EACH ROW EXECUTE FUNCTION agent_gets_a_mailbox();
--> statement-breakpoint
CREATE FUNCTION messages_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    UPDATE mailboxes SET
      purged = purged + 1,
      pending = pending - (OLD.status = 'pending')::int,
      delivered = delivered - (OLD.status = 'delivered')::int,
      acked = acked - (OLD.status = 'acked')::int,
      dead = dead - (OLD.status = 'dead')::int,
      expired = expired - (OLD.status = 'expired')::int
    WHERE agent_id = OLD.to_agent;
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.to_agent = NEW.to_agent THEN
    UPDATE mailboxes SET
      pending = pending + (NEW.status = 'pending')::int - (OLD.status = 'pending')::int,
      delivered = delivered + (NEW.status = 'delivered')::int - (OLD.status = 'delivered')::int,
      acked = acked + (NEW.status = 'acked')::int - (OLD.status = 'acked')::int,
      dead = dead + (NEW.status = 'dead')::int - (OLD.status = 'dead')::int,
      expired = expired + (NEW.status = 'expired')::int - (OLD.status = 'expired')::int
    WHERE agent_id = NEW.to_agent;
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    UPDATE mailboxes SET
      accepted = accepted - 1,
      pending = pending - (OLD.status = 'pending')::int,
      delivered = delivered - (OLD.status = 'delivered')::int,
      acked = acked - (OLD.status = 'acked')::int,
      dead = dead - (OLD.status = 'dead')::int,
      expired = expired - (OLD.status = 'expired')::int
    WHERE agent_id = OLD.to_agent;
  END IF;
  UPDATE mailboxes SET
    accepted = accepted + 1,
    pending = pending + (NEW.status = 'pending')::int,
    delivered = delivered + (NEW.status = 'delivered')::int,
    acked = acked + (NEW.status = 'acked')::int,
    dead = dead + (NEW.status = 'dead')::int,
    expired = expired + (NEW.status = 'expired')::int
  WHERE agent_id = NEW.to_agent;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER messages_counted_in AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION messages_counted();
--> statement-breakpoint
CREATE TRIGGER messages_counted_over AFTER UPDATE OF status, to_agent ON messages FOR EACH ROW
WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.to_agent IS DISTINCT FROM NEW.to_agent)
EXECUTE FUNCTION messages_counted();
--> statement-breakpoint
CREATE TRIGGER messages_counted_out AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION messages_counted();
--> statement-breakpoint
CREATE FUNCTION only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% are only added', TG_TABLE_NAME;
END $$;
--> statement-breakpoint
CREATE TRIGGER events_are_only_added BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION only_added();
--> statement-breakpoint
CREATE TRIGGER denials_are_only_added BEFORE UPDATE ON denials FOR EACH ROW EXECUTE FUNCTION only_added();

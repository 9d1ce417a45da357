-- Counters that no statement can forget: how many tasks stand where, how many routes a project has, and how many messages
-- each mailbox holds.
CREATE TRIGGER tasks_counted_in AFTER INSERT ON tasks BEGIN
  INSERT INTO task_counts (project_id, epic, story, status, tasks)
  VALUES (NEW.project_id, coalesce(NEW.epic, ''), coalesce(NEW.story, ''), NEW.status, 1)
  ON CONFLICT DO UPDATE SET tasks = tasks + 1;
END;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_over AFTER UPDATE OF status, epic, story ON tasks
WHEN OLD.status IS NOT NEW.status OR OLD.epic IS NOT NEW.epic OR OLD.story IS NOT NEW.story BEGIN
  UPDATE task_counts SET tasks = tasks - 1
  WHERE project_id = OLD.project_id AND epic = coalesce(OLD.epic, '') AND story = coalesce(OLD.story, '') AND status = OLD.status;
  INSERT INTO task_counts (project_id, epic, story, status, tasks)
  VALUES (NEW.project_id, coalesce(NEW.epic, ''), coalesce(NEW.story, ''), NEW.status, 1)
  ON CONFLICT DO UPDATE SET tasks = tasks + 1;
END;
--> statement-breakpoint
CREATE TRIGGER tasks_counted_out AFTER DELETE ON tasks BEGIN
  UPDATE task_counts SET tasks = tasks - 1
  WHERE project_id = OLD.project_id AND epic = coalesce(OLD.epic, '') AND story = coalesce(OLD.story, '') AND status = OLD.status;
END;
--> statement-breakpoint
CREATE TRIGGER routes_counted AFTER INSERT ON routes BEGIN
  UPDATE projects SET routes = routes + 1 WHERE id = NEW.project_id;
END;
--> statement-breakpoint
CREATE TRIGGER agents_get_a_mailbox AFTER INSERT ON agents BEGIN
  INSERT INTO mailboxes (agent_id, project_id) VALUES (NEW.id, NEW.project_id);
END;
--> statement-breakpoint
CREATE TRIGGER messages_counted_in AFTER INSERT ON messages BEGIN
  UPDATE mailboxes SET
    accepted = accepted + 1,
    pending = pending + (NEW.status = 'pending'),
    delivered = delivered + (NEW.status = 'delivered'),
    acked = acked + (NEW.status = 'acked'),
    dead = dead + (NEW.status = 'dead'),
    expired = expired + (NEW.status = 'expired')
  WHERE agent_id = NEW.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER messages_counted_over AFTER UPDATE OF status, to_agent ON messages
WHEN OLD.status IS NOT NEW.status AND OLD.to_agent IS NEW.to_agent BEGIN
  UPDATE mailboxes SET
    pending = pending + (NEW.status = 'pending') - (OLD.status = 'pending'),
    delivered = delivered + (NEW.status = 'delivered') - (OLD.status = 'delivered'),
    acked = acked + (NEW.status = 'acked') - (OLD.status = 'acked'),
    dead = dead + (NEW.status = 'dead') - (OLD.status = 'dead'),
    expired = expired + (NEW.status = 'expired') - (OLD.status = 'expired')
  WHERE agent_id = NEW.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER messages_counted_across AFTER UPDATE OF to_agent ON messages
WHEN OLD.to_agent IS NOT NEW.to_agent BEGIN
  UPDATE mailboxes SET
    accepted = accepted - 1,
    pending = pending - (OLD.status = 'pending'),
    delivered = delivered - (OLD.status = 'delivered'),
    acked = acked - (OLD.status = 'acked'),
    dead = dead - (OLD.status = 'dead'),
    expired = expired - (OLD.status = 'expired')
  WHERE agent_id = OLD.to_agent;
  UPDATE mailboxes SET
    accepted = accepted + 1,
    pending = pending + (NEW.status = 'pending'),
    delivered = delivered + (NEW.status = 'delivered'),
    acked = acked + (NEW.status = 'acked'),
    dead = dead + (NEW.status = 'dead'),
    expired = expired + (NEW.status = 'expired')
  WHERE agent_id = NEW.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER messages_counted_out AFTER DELETE ON messages BEGIN
  UPDATE mailboxes SET
    purged = purged + 1,
    pending = pending - (OLD.status = 'pending'),
    delivered = delivered - (OLD.status = 'delivered'),
    acked = acked - (OLD.status = 'acked'),
    dead = dead - (OLD.status = 'dead'),
    expired = expired - (OLD.status = 'expired')
  WHERE agent_id = OLD.to_agent;
END;
--> statement-breakpoint
CREATE TRIGGER events_are_only_added BEFORE UPDATE ON events BEGIN
  SELECT RAISE(ABORT, 'events are only added');
END;
--> statement-breakpoint
CREATE TRIGGER denials_are_only_added BEFORE UPDATE ON denials BEGIN
  SELECT RAISE(ABORT, 'denials are only added');
END;

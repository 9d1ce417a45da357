-- The words of enums and event types become snake_case where rows hold them. An older program knows the old words only, so it
-- cannot run on the result: no minReader is declared. Events are only added, so their trigger pauses for this one change.
ALTER TABLE events DISABLE TRIGGER events_are_only_added;
--> statement-breakpoint
UPDATE events SET type = CASE type
  WHEN 'task.inputRequested' THEN 'task.input_requested'
  WHEN 'task.inputProvided' THEN 'task.input_provided'
  WHEN 'task.timedOut' THEN 'task.timed_out'
  ELSE 'request.timed_out' END
WHERE type IN ('task.inputRequested', 'task.inputProvided', 'task.timedOut', 'request.timedOut');
--> statement-breakpoint
-- Quotes inside a text of JSON are escaped, so what is replaced is a whole value and never a part of a text.
UPDATE events
SET data = replace(replace(data, '"reason":"ack wait over"', '"reason":"ack_timeout"'), '"reason":"inbox full"', '"reason":"inbox_full"')
WHERE type IN ('message.returned', 'message.dead')
  AND (data LIKE '%"reason":"ack wait over"%' OR data LIKE '%"reason":"inbox full"%');
--> statement-breakpoint
-- An element of the list of scopes follows a bracket or a comma; a key's name follows a colon and stays.
UPDATE events
SET data = replace(replace(data, '["deadLetters:write"', '["dead_letters:write"'), ',"deadLetters:write"', ',"dead_letters:write"')
WHERE type = 'key.created' AND data LIKE '%"deadLetters:write"%';
--> statement-breakpoint
ALTER TABLE events ENABLE TRIGGER events_are_only_added;
--> statement-breakpoint
UPDATE delivery_failures SET reason = CASE reason WHEN 'ack wait over' THEN 'ack_timeout' ELSE 'inbox_full' END
WHERE reason IN ('ack wait over', 'inbox full');
--> statement-breakpoint
UPDATE credentials SET scopes = replace(scopes, '"deadLetters:write"', '"dead_letters:write"')
WHERE scopes LIKE '%"deadLetters:write"%';

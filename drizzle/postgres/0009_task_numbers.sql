-- SQLite refers to the project and the agent of a task by numbers from here on. PostgreSQL keeps their ids: there is nothing
-- to change.
SELECT 1;

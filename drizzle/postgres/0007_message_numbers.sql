-- SQLite refers to projects and agents by numbers from here on. PostgreSQL keeps their ids, which cost little beside a round
-- trip: there is nothing to change.
SELECT 1;

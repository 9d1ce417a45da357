-- minReader: 10
-- PostgreSQL changes its counters once for each statement from here on. SQLite has one row in a statement, and triggers for
-- rows only: there is nothing to change.
SELECT 1;

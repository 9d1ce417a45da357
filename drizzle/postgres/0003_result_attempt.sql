-- minReader: 1
ALTER TABLE "tasks" ADD COLUMN "result_attempt" bigint;
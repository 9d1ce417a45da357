-- minReader: 14
ALTER TABLE "messages" ADD COLUMN "from_incarnation" bigint;
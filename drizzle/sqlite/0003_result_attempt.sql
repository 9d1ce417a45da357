-- minReader: 1
ALTER TABLE `tasks` ADD `result_attempt` integer;
-- minReader: 14
ALTER TABLE `messages` ADD `from_incarnation` integer;
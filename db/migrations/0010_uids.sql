DROP INDEX IF EXISTS `reservations_uid` ON `reservations`;--> statement-breakpoint
DROP INDEX IF EXISTS `reservations_user` ON `reservations`;--> statement-breakpoint
ALTER TABLE `machines` ADD COLUMN IF NOT EXISTS `uid_floor` int DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `reservations_uid` ON `reservations` (`uid`,`ended_at`);--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `reservations_user` ON `reservations` (`user_id`,`ended_at`);--> statement-breakpoint
INSERT IGNORE INTO `settings` SELECT 'last_uid', 20000 + (CAST(`value` AS UNSIGNED) + 39999) % 40000 FROM `settings` WHERE `name` = 'uid_counter';--> statement-breakpoint
DELETE FROM `settings` WHERE `name` = 'uid_counter';

CREATE TABLE IF NOT EXISTS `series` (
	`id` varchar(36) NOT NULL,
	`user_id` varchar(36),
	`username` varchar(32) NOT NULL,
	`rrule` varchar(500) NOT NULL,
	`starts_local` varchar(19) NOT NULL,
	`time_zone` varchar(64) NOT NULL,
	`duration_minutes` int NOT NULL,
	`count` int NOT NULL,
	`where_labels` varchar(1000),
	`only_machines` json,
	`except_machines` json,
	`except_dates` json NOT NULL,
	`on_conflict` enum('refuse','skip') NOT NULL,
	`credential` mediumtext,
	`booked_until` datetime(3) NOT NULL,
	`ends_at` datetime(3),
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `series_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
ALTER TABLE `reservations`
	ADD COLUMN IF NOT EXISTS `series_id` varchar(36),
	ADD COLUMN IF NOT EXISTS `occurrence_at` datetime(3);--> statement-breakpoint
CREATE UNIQUE INDEX IF NOT EXISTS `reservations_occurrence` ON `reservations` (`series_id`,`occurrence_at`);--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `series_user` ON `series` (`user_id`);--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `series_end` ON `series` (`ends_at`);

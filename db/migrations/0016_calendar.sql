CREATE TABLE IF NOT EXISTS `commitments` (
	`reservation_id` varchar(36) NOT NULL,
	`machine_id` varchar(36) NOT NULL,
	`busy_from` datetime(3) NOT NULL,
	`starts_at` datetime(3) NOT NULL,
	`ends_at` datetime(3) NOT NULL,
	CONSTRAINT `commitments_reservation_id_machine_id_pk` PRIMARY KEY(`reservation_id`,`machine_id`)
);
--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `commitments_machine` ON `commitments` (`machine_id`,`busy_from`);--> statement-breakpoint
ALTER TABLE `holds` ADD COLUMN IF NOT EXISTS `ending_at` datetime(3);--> statement-breakpoint
ALTER TABLE `machines` ADD COLUMN IF NOT EXISTS `turnaround_ms` int DEFAULT 5000 NOT NULL;--> statement-breakpoint
ALTER TABLE `reservations`
	MODIFY COLUMN `uid` int,
	MODIFY COLUMN `state` enum('queued','booked','preparing','active','ending','ended','failed') NOT NULL,
	ADD COLUMN IF NOT EXISTS `kind` enum('direct','queue','booking') DEFAULT 'direct' NOT NULL,
	ADD COLUMN IF NOT EXISTS `min_count` int,
	ADD COLUMN IF NOT EXISTS `where_labels` varchar(1000),
	ADD COLUMN IF NOT EXISTS `only_machines` json,
	ADD COLUMN IF NOT EXISTS `except_machines` json,
	ADD COLUMN IF NOT EXISTS `priority` int DEFAULT 0 NOT NULL,
	ADD COLUMN IF NOT EXISTS `wait_until` datetime(3),
	ADD COLUMN IF NOT EXISTS `not_before` datetime(3),
	ADD COLUMN IF NOT EXISTS `uncertain` boolean DEFAULT false NOT NULL,
	ADD COLUMN IF NOT EXISTS `delay` varchar(500),
	ADD COLUMN IF NOT EXISTS `start_told` boolean DEFAULT true NOT NULL,
	ADD COLUMN IF NOT EXISTS `password_made` boolean DEFAULT false NOT NULL,
	ADD COLUMN IF NOT EXISTS `starts_at` datetime(3),
	ADD COLUMN IF NOT EXISTS `extend_to` datetime(3),
	ADD COLUMN IF NOT EXISTS `extend_lease` datetime(3),
	ADD COLUMN IF NOT EXISTS `extensions` int DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `reservations_start` ON `reservations` (`state`,`starts_at`);--> statement-breakpoint
UPDATE `reservations` SET `starts_at` = COALESCE((SELECT MIN(`confirmed_at`) FROM `holds` WHERE `holds`.`reservation_id` = `reservations`.`id`), `created_at`) WHERE `starts_at` IS NULL;--> statement-breakpoint
INSERT IGNORE INTO `settings` (`name`, `value`) VALUES ('plan', '');

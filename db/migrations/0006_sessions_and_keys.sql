CREATE TABLE `login_tries` (
	`who` varchar(140) NOT NULL,
	`tries` int NOT NULL,
	`until` datetime(3) NOT NULL,
	CONSTRAINT `login_tries_who` PRIMARY KEY(`who`)
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` char(64) NOT NULL,
	`user_id` varchar(36),
	`token_hash` char(64),
	`created_at` datetime(3) NOT NULL,
	`seen_at` datetime(3) NOT NULL,
	CONSTRAINT `sessions_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `unclean` (
	`id` varchar(36) NOT NULL,
	`machine_name` varchar(64) NOT NULL,
	`address` varchar(253) NOT NULL,
	`port` int NOT NULL,
	`host_key` text,
	`identity` varchar(32),
	`username` varchar(32),
	`uid` int,
	`reason` varchar(500) NOT NULL,
	`removed_at` datetime(3) NOT NULL,
	CONSTRAINT `unclean_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
ALTER TABLE `machines` MODIFY COLUMN `secret_kind` enum('password','private_key','pool_key') NOT NULL;--> statement-breakpoint
ALTER TABLE `settings` MODIFY COLUMN `value` varchar(4000) NOT NULL;--> statement-breakpoint
ALTER TABLE `reservations` ADD `key_id` varchar(16);--> statement-breakpoint
ALTER TABLE `users` ADD `max_requests_per_minute` int;--> statement-breakpoint
ALTER TABLE `users` ADD `password_hash` varchar(255);--> statement-breakpoint
CREATE INDEX `login_tries_until` ON `login_tries` (`until`);--> statement-breakpoint
CREATE INDEX `sessions_user` ON `sessions` (`user_id`);--> statement-breakpoint
CREATE INDEX `sessions_seen` ON `sessions` (`seen_at`);--> statement-breakpoint
CREATE INDEX `unclean_address` ON `unclean` (`address`,`port`);--> statement-breakpoint
CREATE INDEX `unclean_identity` ON `unclean` (`identity`);--> statement-breakpoint
CREATE INDEX `events_at` ON `events` (`at`);
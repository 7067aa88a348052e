CREATE TABLE `tokens` (
	`id` varchar(36) NOT NULL,
	`user_id` varchar(36) NOT NULL,
	`name` varchar(64) NOT NULL,
	`role` enum('viewer','user','admin') NOT NULL,
	`prefix` varchar(16) NOT NULL,
	`hash` char(64) NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`expires_at` datetime(3),
	CONSTRAINT `tokens_id` PRIMARY KEY(`id`),
	CONSTRAINT `tokens_hash` UNIQUE(`hash`)
);
--> statement-breakpoint
CREATE TABLE `users` (
	`id` varchar(36) NOT NULL,
	`name` varchar(64) NOT NULL,
	`role` enum('viewer','user','admin') NOT NULL,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `users_id` PRIMARY KEY(`id`),
	CONSTRAINT `users_name` UNIQUE(`name`)
);
--> statement-breakpoint
ALTER TABLE `reservations` ADD `user_id` varchar(36);--> statement-breakpoint
CREATE INDEX `tokens_user` ON `tokens` (`user_id`);--> statement-breakpoint
CREATE INDEX `reservations_user` ON `reservations` (`user_id`);
CREATE TABLE `events` (
	`id` bigint AUTO_INCREMENT NOT NULL,
	`at` datetime(3) NOT NULL,
	`actor` varchar(140) NOT NULL,
	`address` varchar(64) NOT NULL,
	`request_id` varchar(64) NOT NULL,
	`action` varchar(64) NOT NULL,
	`object` varchar(140) NOT NULL,
	`details` json NOT NULL,
	CONSTRAINT `events_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE INDEX `events_object` ON `events` (`object`,`id`);--> statement-breakpoint
CREATE INDEX `events_action` ON `events` (`action`,`id`);
CREATE TABLE `holds` (
	`id` varchar(36) NOT NULL,
	`reservation_id` varchar(36) NOT NULL,
	`machine_id` varchar(36) NOT NULL,
	`machine_name` varchar(64) NOT NULL,
	`claimed_at` datetime(3) NOT NULL,
	`confirmed_at` datetime(3),
	`released_at` datetime(3),
	`live_machine` varchar(36) GENERATED ALWAYS AS ((if(released_at is null, machine_id, null))) STORED,
	CONSTRAINT `holds_id` PRIMARY KEY(`id`),
	CONSTRAINT `holds_one_live` UNIQUE(`live_machine`)
);
--> statement-breakpoint
CREATE TABLE `machines` (
	`id` varchar(36) NOT NULL,
	`name` varchar(64) NOT NULL,
	`host` varchar(253) NOT NULL,
	`address` varchar(253) NOT NULL,
	`port` int NOT NULL,
	`login_user` varchar(32) NOT NULL,
	`secret_kind` enum('password','private_key') NOT NULL,
	`secret` text NOT NULL,
	`labels` json NOT NULL,
	`host_key` text,
	`state` enum('available','preparing','reserved','cleaning','quarantined') NOT NULL,
	`since` datetime(3) NOT NULL,
	`drained` boolean NOT NULL DEFAULT false,
	`reservation_id` varchar(36),
	`generation` bigint NOT NULL,
	`lease_owner` varchar(36),
	`lease_until` datetime(3),
	`fault` enum('unreachable','auth','host_key','foreign_account','leftovers','fenced','timeout','unsupported','failed'),
	`last_error` varchar(500),
	`retry_at` datetime(3),
	`retries` int NOT NULL DEFAULT 0,
	`last_used_at` datetime(3) NOT NULL,
	`probed_at` datetime(3) NOT NULL,
	`swept_at` datetime(3) NOT NULL,
	`sweep_at` datetime(3) NOT NULL,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `machines_id` PRIMARY KEY(`id`),
	CONSTRAINT `machines_name` UNIQUE(`name`),
	CONSTRAINT `machines_address` UNIQUE(`address`,`port`)
);
--> statement-breakpoint
CREATE TABLE `reservations` (
	`id` varchar(36) NOT NULL,
	`username` varchar(32) NOT NULL,
	`uid` int NOT NULL,
	`state` enum('queued','preparing','active','ending','ended','failed') NOT NULL,
	`reason` varchar(500),
	`count` int NOT NULL,
	`duration_minutes` int NOT NULL,
	`idempotency_key` varchar(128),
	`request_hash` char(64),
	`created_at` datetime(3) NOT NULL,
	`ends_at` datetime(3) NOT NULL,
	`ended_at` datetime(3),
	CONSTRAINT `reservations_id` PRIMARY KEY(`id`),
	CONSTRAINT `reservations_idempotency` UNIQUE(`idempotency_key`)
);
--> statement-breakpoint
CREATE TABLE `settings` (
	`name` varchar(64) NOT NULL,
	`value` varchar(500) NOT NULL,
	CONSTRAINT `settings_name` PRIMARY KEY(`name`)
);
--> statement-breakpoint
CREATE INDEX `holds_reservation` ON `holds` (`reservation_id`);--> statement-breakpoint
CREATE INDEX `holds_machine` ON `holds` (`machine_id`,`claimed_at`);--> statement-breakpoint
CREATE INDEX `machines_offer` ON `machines` (`state`,`drained`,`last_used_at`,`id`);--> statement-breakpoint
CREATE INDEX `machines_retry` ON `machines` (`state`,`retry_at`);--> statement-breakpoint
CREATE INDEX `machines_holder` ON `machines` (`reservation_id`);--> statement-breakpoint
CREATE INDEX `reservations_expire` ON `reservations` (`state`,`ends_at`);--> statement-breakpoint
CREATE INDEX `reservations_uid` ON `reservations` (`uid`);
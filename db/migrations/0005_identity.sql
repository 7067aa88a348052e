ALTER TABLE `machines` MODIFY COLUMN `fault` enum('unreachable','auth','host_key','forbidden_address','duplicate','foreign_account','leftovers','fenced','timeout','unsupported','failed');--> statement-breakpoint
ALTER TABLE `machines` ADD `identity` varchar(32);--> statement-breakpoint
ALTER TABLE `machines` ADD CONSTRAINT `machines_identity` UNIQUE(`identity`);
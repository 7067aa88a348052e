ALTER TABLE `holds` ADD COLUMN IF NOT EXISTS `lacking` boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `machines` ADD COLUMN IF NOT EXISTS `probe_failures` int DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `reservations`
	ADD COLUMN IF NOT EXISTS `replace_broken` boolean DEFAULT false NOT NULL,
	ADD COLUMN IF NOT EXISTS `wanted_at` datetime(3);

ALTER TABLE `holds` ADD COLUMN IF NOT EXISTS `quarantined` boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `reservations_ended` ON `reservations` (`ended_at`,`created_at`);--> statement-breakpoint
CREATE INDEX IF NOT EXISTS `reservations_created` ON `reservations` (`created_at`,`id`);

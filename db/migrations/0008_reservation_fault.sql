ALTER TABLE `reservations` ADD COLUMN IF NOT EXISTS `fault` varchar(20);--> statement-breakpoint
UPDATE `reservations` SET `fault` = 'failed' WHERE `state` = 'failed' AND `reason` NOT IN ('database', 'the process that prepared it stopped');

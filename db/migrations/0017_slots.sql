ALTER TABLE `holds`
	ADD COLUMN IF NOT EXISTS `slot` int DEFAULT 0 NOT NULL,
	ADD COLUMN IF NOT EXISTS `proof` json;--> statement-breakpoint
UPDATE `holds` JOIN (
	SELECT `holds`.`id`, ROW_NUMBER() OVER (PARTITION BY `holds`.`reservation_id` ORDER BY COALESCE(`machines`.`state` IN ('preparing', 'reserved'), 0) DESC, `holds`.`machine_name`, `holds`.`id`) AS `slot`
	FROM `holds` LEFT JOIN `machines` ON `machines`.`id` = `holds`.`live_machine`
) AS `numbered` ON `numbered`.`id` = `holds`.`id`
SET `holds`.`slot` = `numbered`.`slot` WHERE `holds`.`slot` = 0;
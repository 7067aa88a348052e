ALTER TABLE `users` ADD `max_machines` int;--> statement-breakpoint
ALTER TABLE `users` ADD `max_duration_minutes` int;
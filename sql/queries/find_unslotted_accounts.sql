-- Which of these accounts have no slots.
SELECT id FROM unnest(%(account_ids)s::bigint[]) AS id
 WHERE NOT EXISTS (SELECT FROM socialcron.queue_slots AS s WHERE s.account_id = id)

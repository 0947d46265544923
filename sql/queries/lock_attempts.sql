-- First half of taking a send back: waits for a `sending` transaction that is still committing (for its standby, say)
-- although its client was cut off. The second half then sees what became of it.
SELECT id FROM socialcron.publish_attempts WHERE id = ANY(%(attempt_ids)s) ORDER BY id FOR NO KEY UPDATE

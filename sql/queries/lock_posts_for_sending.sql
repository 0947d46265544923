-- First half of the `sending` transaction: the posts this run may still send. Everything an operator or application
-- can do to stop a post (cancel, hold, edit, reschedule) is obeyed here; a row that is missing must not be sent.
-- Extends the lease past the send's deadline, so that an elapsed lease proves an elapsed deadline.
-- A repeat of an unknown step (status unconfirmed) sends stored bytes; edits do not reach it.
UPDATE socialcron.posts AS p
   SET heartbeat_at = clock_timestamp(),
       lease_until = greatest(p.lease_until, clock_timestamp() + make_interval(secs => %(lease_seconds)s))
  FROM (SELECT * FROM unnest(%(post_ids)s::bigint[], %(revisions)s::integer[]) AS w (id, revision)) AS wanted
 WHERE p.id = wanted.id
   AND p.claim_token = %(claim_token)s
   AND p.lease_until > clock_timestamp()
   AND (p.status = 'unconfirmed'
        OR p.status = 'processing' AND p.cancel_requested_at IS NULL AND p.revision = wanted.revision
           AND p.held_at IS NULL AND p.content_ready)
RETURNING p.id

-- First half of the `sending` transaction: the posts this run may still send. Everything an operator or application
-- can do to stop a post (cancel, hold, edit, reschedule) is obeyed here, and from here on has to wait; a row that is
-- missing must not be sent. A repeat of an unknown step (status unconfirmed) sends stored bytes; edits do not reach it.
-- ends_early: the lease has to be extended past the send's deadline, so that an elapsed lease proves an elapsed deadline.
-- Uses the primary key.
SELECT p.id, p.lease_until < clock_timestamp() + make_interval(secs => %(lease_seconds)s) AS ends_early
  FROM unnest(%(post_ids)s::bigint[], %(revisions)s::integer[]) AS wanted (id, revision)
  JOIN socialcron.posts AS p ON p.id = wanted.id
 WHERE p.claim_token = %(claim_token)s
   AND p.lease_until > clock_timestamp()
   AND (p.status = 'unconfirmed'
        OR p.status = 'processing' AND p.cancel_requested_at IS NULL AND p.revision = wanted.revision
           AND p.held_at IS NULL AND p.content_ready)
 ORDER BY p.id
   FOR NO KEY UPDATE OF p

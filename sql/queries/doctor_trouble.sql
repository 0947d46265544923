-- Posts that a person has to look at, counted up to 1,001 of a kind: unconfirmed ones that no run asks about any more, and
-- what failed or was missed in the last 24 hours. Uses posts_trouble_idx.
SELECT k.kind, t.posts, t.latest_id
  FROM unnest(ARRAY['unconfirmed', 'failed', 'missed']) AS k (kind)
 CROSS JOIN LATERAL (
       SELECT count(*)::integer AS posts, max(few.id) AS latest_id
         FROM (SELECT p.id
                 FROM socialcron.posts AS p
                WHERE p.status = k.kind AND p.status IN ('processing', 'failed', 'unconfirmed', 'missed', 'cancelled')
                  AND p.updated_at > CASE k.kind WHEN 'unconfirmed' THEN '-infinity' ELSE now() - interval '24 hours' END
                  AND (k.kind <> 'unconfirmed' OR p.reconcile_at IS NULL)
                ORDER BY p.updated_at DESC
                LIMIT 1001) AS few) AS t

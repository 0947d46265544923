-- An account with its posts, their attempts and readings, and contents that no other account's posts and
-- recurrences use.
WITH posts AS (
    DELETE FROM socialcron.posts WHERE account_id = %(account_id)s RETURNING id, content_id
), readings AS (
    DELETE FROM socialcron.post_metrics WHERE post_id IN (SELECT id FROM posts)
), contents AS (
    DELETE FROM socialcron.contents AS c
     WHERE c.id IN (SELECT content_id FROM posts)
       AND NOT EXISTS (SELECT FROM socialcron.posts AS p WHERE p.content_id = c.id AND p.account_id <> %(account_id)s)
       AND NOT EXISTS (SELECT FROM socialcron.recurrences AS r WHERE r.content_id = c.id AND r.account_id <> %(account_id)s)
), hints AS (
    DELETE FROM socialcron.account_wakeups WHERE account_id = %(account_id)s
)
DELETE FROM socialcron.accounts WHERE id = %(account_id)s

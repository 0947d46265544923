-- The next free slot of an account, kept until the transaction ends. after: null, or one taken in this transaction.
SELECT socialcron.next_slot(%(account_id)s, greatest(%(after)s, now() + interval '1 minute'))

-- A trigger moves the revision of every post that says this.
UPDATE socialcron.contents
   SET text = %(text)s, media = %(media)s, link = %(link)s, poll = %(poll)s, thread = %(thread)s,
       first_comment = %(first_comment)s, variants = %(variants)s, updated_at = now()
 WHERE id = %(content_id)s

-- Why: an import that is repeated must not put old tokens in the place of those renewed since.

ALTER TABLE socialcron.accounts
    ADD COLUMN import_digest text;  -- salted hash of the credentials as last imported; null: never imported
COMMENT ON COLUMN socialcron.accounts.import_digest IS 'salted hash of the credentials as last imported';

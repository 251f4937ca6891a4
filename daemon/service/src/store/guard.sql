-- Only ever appended to. Made anew at each opening, should somebody have dropped them: they keep mistakes away,
-- and against intent there is the chain.
CREATE TRIGGER IF NOT EXISTS audit_refuses_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER IF NOT EXISTS audit_refuses_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- REPLACE deletes without asking the trigger above, unless `recursive_triggers` is on, so it is met here; so is
-- whatever would not stand at the end.
CREATE TRIGGER IF NOT EXISTS audit_refuses_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE seq >= NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

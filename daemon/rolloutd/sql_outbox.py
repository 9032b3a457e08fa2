"""Every SQL statement of the outbox, by name; nothing here runs one."""

READ_CURSOR = "SELECT seq FROM cursor WHERE id = 1"
MOVE_CURSOR = "INSERT INTO cursor (id, seq) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq"
READ_INCIDENTS = "SELECT rollout, body FROM incident ORDER BY rollout"
PUT_INCIDENT = """
INSERT INTO incident (rollout, body) VALUES (?, ?) ON CONFLICT (rollout) DO UPDATE SET body = excluded.body
"""
CLOSE_INCIDENT = "DELETE FROM incident WHERE rollout = ?"
ADD_MESSAGE = """
INSERT INTO message (notifier, id, rollout, turn, body, state, error, made_clock_ms, due_clock_ms, tries)
VALUES (?, ?, ?, ?, ?, 'waiting', '', ?, ?, 0) ON CONFLICT (notifier, id) DO NOTHING
"""
# A few at a time, as everywhere: nobody waits for a great tidying.
FORGET = """
DELETE FROM message WHERE number IN
(SELECT number FROM message WHERE state <> 'waiting' AND made_clock_ms < ?
 AND rollout NOT IN (SELECT rollout FROM incident) ORDER BY number LIMIT 32)
"""
WAITING = """
SELECT number, rollout, turn, made_clock_ms, due_clock_ms, tries FROM message
WHERE notifier = ? AND state = 'waiting' ORDER BY due_clock_ms, number LIMIT ?
"""
BODY = "SELECT body FROM message WHERE number = ?"
# A rollout's later messages wait with the one that failed: none of them may overtake it.
PUT_OFF = """
UPDATE message SET due_clock_ms = max(due_clock_ms, ?1) WHERE state = 'waiting'
AND (notifier, rollout) = (SELECT notifier, rollout FROM message WHERE number = ?2)
"""
FINISH = "UPDATE message SET state = ?, error = '' WHERE number = ? AND state = 'waiting'"
FAIL = """
UPDATE message SET state = ?, due_clock_ms = ?, error = ?, tries = tries + 1 WHERE number = ? AND state = 'waiting'
"""
FIGURES = """
SELECT sum(state = 'waiting'), min(CASE state WHEN 'waiting' THEN made_clock_ms END), sum(state = 'dead'),
       (SELECT error FROM message WHERE notifier = :notifier AND error <> '' ORDER BY number DESC LIMIT 1)
FROM message WHERE notifier = :notifier
"""

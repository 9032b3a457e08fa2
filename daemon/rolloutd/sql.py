"""Every SQL statement of the journal and the evidence, by name; nothing here runs one."""

# One store, one writer: see transactions.py for the transactions around these.

LAST_VERSION = "SELECT coalesce(max(version), 0) FROM event WHERE stream = ?"
INSERT_EVENT = """
INSERT INTO event (seq, stream, version, kind, schema, at_clock_ms, at_wall_ms, actor, epoch, command, body, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
READ_HEAD = "SELECT seq, hash FROM chain_head WHERE id = 1"
READ_ENDS = "SELECT seq, hash, (SELECT coalesce(max(seq), 0) FROM event) FROM chain_head WHERE id = 1"
MOVE_HEAD = "UPDATE chain_head SET seq = ?, hash = ? WHERE id = 1"
EVENT_STARTS = "CREATE INDEX event_start ON event (seq) WHERE version = 1"

STREAMS = "SELECT stream FROM event WHERE version = 1 ORDER BY seq"
STREAM_PAGE = """
SELECT e.seq, e.stream, e.version, e.kind, e.schema, e.at_clock_ms, e.at_wall_ms, e.actor, e.epoch, e.command, e.body,
       e.hash, p.hash
FROM event e LEFT JOIN event p ON p.seq = e.seq - 1 WHERE e.stream = ? AND e.version > ? ORDER BY e.version LIMIT ?
"""
PAGE = """
SELECT seq, stream, version, kind, schema, at_clock_ms, at_wall_ms, actor, epoch, command, body, hash
FROM event WHERE seq > ? ORDER BY seq LIMIT ?
"""
HASH_AT = "SELECT hash FROM event WHERE seq = ?"

INSERT_COMMAND = """
INSERT INTO command (id, actor_uid, digest, outcome, stream, version, at_clock_ms, at_wall_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
READ_COMMAND = """
SELECT id, actor_uid, digest, outcome, stream, version, at_clock_ms, at_wall_ms FROM command WHERE id = ?
"""
# A few at a time: an append that must delete thousands would be a slow abort.
FORGET_COMMANDS = """
DELETE FROM command WHERE id IN (SELECT id FROM command WHERE at_clock_ms < ? ORDER BY at_clock_ms LIMIT 8)
"""

READ_META = "SELECT value FROM meta WHERE key = ?"
WRITE_META = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"

# Evidence. A tick that is not newer than the stored one changes nothing, whatever it says.
CREATE_RAW_TICK = """
CREATE TABLE raw_tick (
    rollout TEXT NOT NULL, gate TEXT NOT NULL, tick INTEGER NOT NULL,
    at_clock_ms INTEGER NOT NULL, at_wall_ms INTEGER NOT NULL,
    champion_n REAL NOT NULL, champion_bad REAL NOT NULL, challenger_n REAL NOT NULL, challenger_bad REAL NOT NULL,
    note TEXT NOT NULL, PRIMARY KEY (rollout, gate, tick)
) STRICT, WITHOUT ROWID
"""
# What the stage had come to by then, for charts; nothing where there was nothing to compare, or it was not kept yet.
RAW_TICK_STANDING = tuple(
    f"ALTER TABLE raw_tick ADD COLUMN {column}"
    for column in (
        "stage_champion_n INTEGER", "stage_champion_bad INTEGER", "stage_challenger_n INTEGER",
        "stage_challenger_bad INTEGER", "phi REAL",
    )
)  # fmt: skip
SAVE_STATE = """
INSERT INTO state (rollout, gate, tick, body) VALUES (?, ?, ?, ?)
ON CONFLICT (rollout, gate) DO UPDATE SET tick = excluded.tick, body = excluded.body WHERE excluded.tick > state.tick
"""
SAVE_RAW = """
INSERT INTO raw_tick (rollout, gate, tick, at_clock_ms, at_wall_ms,
                      champion_n, champion_bad, challenger_n, challenger_bad, note,
                      stage_champion_n, stage_champion_bad, stage_challenger_n, stage_challenger_bad, phi)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# Two for each one that comes in: history shrinks to its length, and no save ever pays for all of it.
THIN_RAW = """
DELETE FROM raw_tick WHERE rollout = ?1 AND gate = ?2 AND tick IN
(SELECT tick FROM raw_tick WHERE rollout = ?1 AND gate = ?2 AND tick <= ?3 ORDER BY tick LIMIT 2)
"""
READ_STATE = """
SELECT s.rollout, s.gate, s.tick, s.body, r.at_clock_ms, r.at_wall_ms,
       r.champion_n, r.champion_bad, r.challenger_n, r.challenger_bad, r.note,
       r.stage_champion_n, r.stage_champion_bad, r.stage_challenger_n, r.stage_challenger_bad, r.phi
FROM state s JOIN raw_tick r ON r.rollout = s.rollout AND r.gate = s.gate AND r.tick = s.tick
WHERE s.rollout = ? ORDER BY s.gate
"""
HISTORY = """
SELECT tick, at_clock_ms, at_wall_ms, champion_n, champion_bad, challenger_n, challenger_bad, note,
       stage_champion_n, stage_champion_bad, stage_challenger_n, stage_challenger_bad, phi
FROM raw_tick WHERE rollout = ? AND gate = ? ORDER BY tick DESC LIMIT ?
"""

SAVE_PULSE = """
INSERT INTO pulse (rollout, renewed_clock_ms) VALUES (?, ?)
ON CONFLICT (rollout) DO UPDATE SET renewed_clock_ms = excluded.renewed_clock_ms
"""
SAVE_DAEMON_PULSE = """
INSERT INTO daemon_pulse (id, at_clock_ms, at_wall_ms) VALUES (1, ?, ?)
ON CONFLICT (id) DO UPDATE SET at_clock_ms = excluded.at_clock_ms, at_wall_ms = excluded.at_wall_ms
"""
READ_PULSE = "SELECT rollout, renewed_clock_ms FROM pulse"
READ_DAEMON_PULSE = "SELECT at_clock_ms, at_wall_ms FROM daemon_pulse WHERE id = 1"

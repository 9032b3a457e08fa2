"""Every word and sentence of the screen; it must not decide anything. One word, one meaning, and never a synonym."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rollout_tui.lines import Role, clean
from rolloutd.verbs import API_VERSION

FORBIDDEN = ("kill", "terminate", "degraded", "unhealthy", "progressing", "invalid", "failed", "oops", "sorry")
"""Words that no string of the screen contains. They blame, alarm without a subject, or already have another word."""


@dataclass(frozen=True, slots=True)
class StateWord:
    """One state of a rollout: symbol, ASCII symbol, word, meaning, and the role of its colour.

    Symbol and word alone tell every state apart; the colour repeats them.
    """

    key: str
    symbol: str
    ascii: str
    word: str
    means: str
    role: Role


STATES: tuple[StateWord, ...] = (
    StateWord("not_obeyed", "!!", "!!", "NOT OBEYED", "the router does not show what was asked of it", Role.CRITICAL),
    StateWord("going_back", "«", "<<", "GOING BACK", "gives the traffic back; router not yet at 0%", Role.CRITICAL),
    StateWord("harm", "▲", "!", "HARM", "evidence of harm is more than half-way to the rollback line", Role.CRITICAL),
    StateWord("blind", "?", "?", "BLIND", "a trigger or gate has no fresh data", Role.WARNING),
    StateWord("drift", "≠", "/=", "DRIFT", "somebody changed the share outside of this system", Role.WARNING),
    StateWord("asks_you", "◆", "@", "ASKS YOU", "waits for a person", Role.WARNING),
    StateWord("paused", "‖", "=", "PAUSED", "frozen by a person or by policy; triggers stay armed", Role.NOTICE),
    StateWord("going_up", "^", "^", "GOING UP", "a higher share is asked, the router has not confirmed it", Role.PLAIN),
    StateWord("checking", "·", ".", "CHECKING", "checks before the first traffic", Role.PLAIN),
    StateWord("collecting", "…", "..", "COLLECTING", "runs; gates have not decided", Role.PLAIN),
    StateWord("clear", "✓", "ok", "CLEAR", "runs; no gate stands in the way, waits only for time", Role.GOOD),
    StateWord("watching", "w", "w", "WATCHING", "all traffic on the challenger, the champion still warm", Role.GOOD),
    StateWord("finishing", "f", "f", "FINISHING", "the challenger becomes the base of its route", Role.GOOD),
    StateWord("shadow", "○", "o", "SHADOW", "the challenger gets copies, no user sees it", Role.PLAIN),
    StateWord("done", "●", "*", "DONE", "ended; the challenger is the new champion", Role.GOOD),
    StateWord("aborted", "×", "x", "ABORTED", "ended by a person; the champion has all traffic", Role.NOTICE),
    StateWord("rolled_back", "×", "x", "ROLLED BACK", "ended by the daemon; the champion has all traffic", Role.NOTICE),
    StateWord("refused", "-", "-", "REFUSED", "never had traffic; a check before the start did not hold", Role.NOTICE),
)  # fmt: skip
_ALIASES = {
    "asking": "asks_you", "receding": "going_back", "held": "paused", "preflight": "checking", "running": "collecting",

}  # fmt: skip
_BY_KEY = {one.key: (rank, one) for rank, one in enumerate(STATES)}


def _key(state: str) -> str:
    """A state's key from any spelling of it."""
    key = state.strip().lower().replace(" ", "_").replace("-", "_")
    return _ALIASES.get(key, key)


@lru_cache(maxsize=256)
def state_word(state: str) -> StateWord:
    """The word for a state on the wire; an unknown one from a newer daemon is shown as it is."""
    found = _BY_KEY.get(_key(state))
    if found:
        return found[1]
    unknown = clean(state).upper()[:11]
    return StateWord(_key(state), "-", "-", unknown, "a state this screen does not know", Role.WARNING)


@lru_cache(maxsize=256)
def attention(state: str) -> int:
    """A state's place in the order of attention, 0 is the most urgent; unknown states come before what is at rest."""
    found = _BY_KEY.get(_key(state))
    return found[0] if found else _BY_KEY["paused"][0]


GATE_ROLES = {
    "pass": Role.GOOD, "collecting": Role.PLAIN, "fail": Role.CRITICAL, "blind": Role.WARNING,
    "overridden": Role.WARNING, "not-checked": Role.NOTICE, "quiet": Role.PLAIN,
}  # fmt: skip

GRAVE = {
    "min_time": "minimum time",
    "min_ticks": "data must cover more of this stage",
    "full_day": "data must cover a full day",
    "window": "a fresh look is due after a doubt",
    "challenger": "the challenger is not known to be up",
}
"""What only an override passes, beside gates that show harm or see nothing; by the wire's words."""
HARD = {
    "router": "the router does not show what was asked",
    "champion": "the champion is not known to be up",
    "hold": "the fleet is held",
    "journal": "the daemon raises nothing now",
}
"""What nobody passes; it must be mended first."""
PEOPLE = {
    "approval": "a person must approve",
    "held": "it is held",
    "staffed": "nobody is there to see it go up by itself",
}

NO_ROLLOUTS = (
    "No rollouts yet.",
    "n                    starts one. By command:  rollout start FILE",
    "rollout demo         shows how it looks.",
)
NOT_CONNECTED = "NO CONTACT YET WITH THE DAEMON"
CTRL_C = "q quits the screen; the daemon and every rollout go on. ctrl+c does nothing here."
CHANGED_UNDER_YOU = "The list had just changed under the key, so nothing was done. Look again, then press it."
PASTED = "Pasted text was dropped; it can act on nothing."
READ_ONLY = "This session is read-only: the daemon takes no action from it."
SAME_MAJOR = "This screen speaks API {ours}, the daemon {theirs}. Reading works; actions need the same major version."
OTHER_MAJOR = "API {ours} here, {theirs} there: look and stop only   "
NO_SEGMENTS = "The users of this route are not told apart: every number here is over all of them together."
OPEN_SEGMENTS = "Nothing was sent: open the rollout; on tab 3 the key acts on the segment under the cursor."
NOT_ISOLATED = "{segment} is not isolated, so there is nothing to put back; nothing was sent."
PAST_SEGMENTS = "What the segments showed then is not kept; the present is one key away."
NO_DRIFT = "Nobody's hand has lowered the share of {name}, so there is nothing to re-apply; nothing was sent."
PUT_BACK_BY_ITSELF = "Somebody raised the share of {name}; the daemon puts it back by itself. Nothing was sent."
BOTH_SHARES = "By hand: {theirs}. Ours: {ours}, and on from there. Ask first who lowered it, and why. "
NO_OTHER = "No other rollout needs somebody now."
REPLAY_ONLY_STOPS = "This is the past: from here only {abort} and {pause} act, on the present. {live} goes back to it."
PAST_THEN_NOW = "You were looking at the past. Now: {share}, {state}."
NOT_BUILT = "{verb} is not built yet; nothing was sent. Traffic stays as it is."
NO_ADVICE = (
    "Without measured traffic nothing is recommended; what you choose is forecast by the dry run as far as it goes."
)
START_ASKS = "It begins at its first stage, {first}. Triggers are armed from then on; a stops it at any time."
NOTHING_TO_STOP = "Nothing is started yet, so there is nothing to {verb}."
START_PER_HOST = (
    "start is of one host, and this screen shows several. There:  ssh -t HOST rollout tui   or  rollout start"
)
PER_HOST = '{verb} is of one host, and this screen shows several. There:  ssh HOST rollout {verb} --reason "..."'
NO_ROLLOUT_HERE = "There is no rollout under the cursor, so nothing was sent."
ENDED = "{name} has ended, so {verb} was not sent. Traffic stays as it is."
NOT_ENDED = "{name} has not ended, so there is nothing to {verb}; nothing was sent. Traffic stays as it is."
LOST_KEY = "Not sent: no contact with the daemon, and the key is not remembered. a asks whether to keep trying ABORT."
NEVER_KEY = "Not sent: this screen has no picture of a rollout yet."
ON_ITS_WAY = "{verb} for {name} is on its way already."
NEEDS_ROLE = "{verb} needs the role {needed}; you are {role}. Somebody with it can run:  {command}"
CONFLICT = "Not done: {message} Look again, then press {key}."
NO_ANSWER = (
    "{verb} for {name} got no answer: {why}. It is not known whether the daemon has it. "
    "Pressing {key} again is safe. By hand:  {command}"
)
REGAINED = (
    "Contact is back after {gap}. Shown is the present state; what happened meanwhile is in the timeline. Esc: seen."
)
RESTARTED = "Daemon restarted. It was away for {gap}; no checks ran in that time. Now: its present state. Esc: seen."
DAEMON_SAYS = "The daemon says: {message}"
KEEP_TRYING = "{name}: keep trying to send ABORT for {seconds} s? There is no contact with the daemon now."
TRYING = "ABORT {name}: trying to send, {left} s left, try {tries}. Esc stops trying."
GAVE_UP = "ABORT {name} was not sent: no contact for {seconds} s. Traffic is as the router has it. By hand:  {command}"
STOPPED = "Stopped trying. ABORT {name} was not sent. Traffic is as the router has it."
BACK_BUT_LOST = "Closed: the contact with the daemon was lost, and nothing that raises exposure is sent without it."
API = API_VERSION

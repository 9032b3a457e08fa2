"""Who may do what, value by value: uid and groups to a role, a role to the verbs it opens. Default is deny (I10)."""

from __future__ import annotations

import grp
import os
from dataclasses import replace

import pytest

from rolloutd import access as module
from rolloutd.access import STOPS, Access, Roles
from rolloutd.core.values import ActorKind, Role
from rolloutd.peer import Account, Accounts, Peer
from rolloutd.verbs import BY_NAME, VERBS, Risk

VIEWERS, OPERATORS, ADMINS, STRANGERS = 1001, 1002, 1003, 1004
GIDS = {"lookers": VIEWERS, "ops": OPERATORS, "bosses": ADMINS}
ROLES = Roles(viewers=("lookers",), operators=("ops",), admins=("bosses",))
ORDER = (Role.NOBODY, Role.VIEWER, Role.OPERATOR, Role.ADMIN)


@pytest.fixture(autouse=True)
def _groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's group directory, as far as this test's names go."""
    monkeypatch.setattr(module, "group_id", GIDS.get)


def knowing(roles: Roles, accounts: dict[int, Account], daemon_uid: int | None = 4_242) -> Access:
    """Rules that look accounts up in a dictionary, at once."""
    return Access(roles, Accounts(accounts.get), daemon_uid)


async def role_of(groups: set[int], roles: Roles = ROLES, uid: int = 77, read_only: bool = False) -> Role:
    """The role of a user in these groups."""
    access = knowing(roles, {uid: Account("ann", frozenset(groups))})
    try:
        return (await access.actor(Peer(1, uid, 1), "test", read_only)).role
    finally:
        access.close()


async def test_a_group_gives_its_role_and_no_group_gives_none() -> None:
    """Nobody has a right that was not given (I10)."""
    assert await role_of({VIEWERS}) is Role.VIEWER
    assert await role_of({OPERATORS}) is Role.OPERATOR
    assert await role_of({ADMINS}) is Role.ADMIN
    assert await role_of({STRANGERS}) is Role.NOBODY
    assert await role_of(set()) is Role.NOBODY


async def test_of_several_groups_the_strongest_counts() -> None:
    """Whatever their order and numbers."""
    assert await role_of({VIEWERS, ADMINS, STRANGERS}) is Role.ADMIN
    assert await role_of({OPERATORS, VIEWERS}) is Role.OPERATOR


async def test_a_group_named_for_two_roles_has_the_stronger_one() -> None:
    """The configuration's order does not matter: viewers and operators may share a group."""
    both = Roles(viewers=("ops", "lookers"), operators=("ops", "bosses"), admins=("bosses",))
    assert await role_of({OPERATORS}, both) is Role.OPERATOR
    assert await role_of({ADMINS}, both) is Role.ADMIN
    assert await role_of({VIEWERS}, both) is Role.VIEWER


async def test_an_unknown_group_does_not_hide_those_after_it() -> None:
    """A misspelt name gives nothing and takes nothing."""
    assert await role_of({OPERATORS}, Roles(operators=("no-such-group", "ops"))) is Role.OPERATOR


async def test_adopted_roles_count_from_the_next_request_on() -> None:
    """What was given is taken as well as given (I10)."""
    access = knowing(ROLES, {77: Account("ann", frozenset({ADMINS}))})
    fewer = Roles(viewers=("bosses",))
    try:
        assert (await access.actor(Peer(1, 77, 1), "test")).role is Role.ADMIN
        access.adopt(fewer, Access.gids(fewer))
        assert (await access.actor(Peer(1, 77, 1), "test")).role is Role.VIEWER
        assert access.roles is fewer
    finally:
        access.close()


async def test_root_and_the_daemons_own_user_are_admin_and_nobody_else() -> None:
    """Without any group; the next uid is a stranger."""
    access = knowing(ROLES, {})
    for uid, trusted in ((0, True), (4_242, True), (4_243, False), (1, False)):
        assert access.is_trusted(uid) is trusted
        role = (await access.actor(Peer(1, uid, 1), "test")).role
        assert role is (Role.ADMIN if trusted else Role.NOBODY)
    access.close()


def test_the_daemons_own_user_is_the_process_s_user_unless_said() -> None:
    """euid, as the kernel has it; uid 0 as an argument is root and not "not said"."""
    access = Access(ROLES)
    assert access.is_trusted(os.geteuid())
    assert not access.is_trusted(os.geteuid() + 1)
    rooted = Access(ROLES, daemon_uid=0)
    assert rooted.is_trusted(0)
    if os.geteuid():
        assert not rooted.is_trusted(os.geteuid())
    access.close()
    rooted.close()


async def test_an_actor_is_a_person_with_the_kernels_uid_and_the_directorys_name() -> None:
    """What stands in the record is who it was, by which way, and with what right (I4, I10)."""
    access = knowing(ROLES, {77: Account("ann", frozenset({OPERATORS}))})
    actor = await access.actor(Peer(9, 77, 5), "control socket")
    assert (actor.kind, actor.name, actor.uid, actor.role, actor.via) == (
        ActorKind.PERSON, "ann", 77, Role.OPERATOR, "control socket",
    )  # fmt: skip
    access.close()


async def test_read_only_takes_rights_away_and_never_gives_one() -> None:
    """An admin becomes a viewer, a viewer stays one, a stranger stays nobody."""
    assert await role_of({ADMINS}, read_only=True) is Role.VIEWER
    assert await role_of({VIEWERS}, read_only=True) is Role.VIEWER
    assert await role_of({STRANGERS}, read_only=True) is Role.NOBODY
    assert await role_of(set(), uid=0, read_only=True) is Role.VIEWER


@pytest.mark.parametrize("row", VERBS, ids=lambda row: row.verb)
@pytest.mark.parametrize("opened", [Role.OPERATOR, Role.VIEWER, Role.ADMIN, Role.NOBODY])
def test_a_verb_needs_its_role_and_only_stops_can_be_opened_to_viewers(row: object, opened: Role) -> None:
    """Every verb, every role, every word that stop_allowed_for can hold: viewer opens the stops, all else nothing."""
    verb = BY_NAME[row.verb]  # type: ignore[attr-defined]
    access = knowing(replace(ROLES, stop_allowed_for=opened), {})
    needed = Role.VIEWER if opened is Role.VIEWER and verb.verb in STOPS else Role(verb.role)
    assert access.needed(verb) is needed
    assert [access.permit(verb, role) for role in ORDER] == [k >= ORDER.index(needed) for k in range(4)]
    access.close()


def test_the_stops_are_three_and_take_exposure_away() -> None:
    """abort, pause, isolate: what a viewer may be given is never a way up."""
    assert {"abort", "pause", "isolate"} == STOPS
    assert all(BY_NAME[verb].risk in (Risk.LOWERS, Risk.FREEZES) for verb in STOPS)


def test_nothing_is_open_unless_the_configuration_says_so() -> None:
    """Empty roles name nobody, and stopping needs an operator."""
    assert Roles() == Roles(viewers=(), operators=(), admins=(), stop_allowed_for=Role.OPERATOR)


def test_the_groups_that_could_help_are_those_with_the_role_or_more() -> None:
    """What a refusal names: never a group that would not suffice."""
    roles = Roles(viewers=("v",), operators=("o", "p"), admins=("a",))
    assert roles.groups_for(Role.VIEWER) == ("v", "o", "p", "a")
    assert roles.groups_for(Role.OPERATOR) == ("o", "p", "a")
    assert roles.groups_for(Role.ADMIN) == ("a",)


async def test_closing_ends_the_lookups() -> None:
    """No thread of it outlives the daemon."""
    access = knowing(ROLES, {77: Account("ann", frozenset())})
    access.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        await access.actor(Peer(1, 77, 1), "test")


async def test_the_real_directory_is_asked_where_nothing_else_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own accounts and groups: this user's name, and the role of a group it really has."""
    monkeypatch.undo()
    gid = os.getegid()
    access = Access(Roles(operators=(grp.getgrgid(gid).gr_name,)), daemon_uid=4_242)
    actor = await access.actor(Peer(os.getpid(), 4_243, gid, frozenset({gid})), "test")
    assert (actor.name, actor.role) == ("uid 4243", Role.OPERATOR)
    access.close()

"""Who may do what: from the kernel's word on the caller and the configured groups to an actor with a role.

Nobody has a right that was not given: a caller in no configured group may not even look. It writes no record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rolloutd.core.values import Actor, ActorKind, Role
from rolloutd.peer import Accounts, Peer, group_id
from rolloutd.verbs import VerbRow

STOPS = frozenset({"abort", "pause", "isolate"})
"""The verbs that ``stop_allowed_for`` may open to viewers: they only take exposure away."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The ``[roles]`` of the configuration: names of unix groups, and who may stop things.

    ``stop_allowed_for`` is operator or viewer; any other role counts as operator.
    """

    viewers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    stop_allowed_for: Role = Role.OPERATOR

    def groups_for(self, role: Role) -> tuple[str, ...]:
        """The groups whose members have at least ``role``."""
        by_role = ((Role.VIEWER, self.viewers), (Role.OPERATOR, self.operators), (Role.ADMIN, self.admins))
        return tuple(group for has, groups in by_role if has.covers(role) for group in groups)


class Access:
    """Turns peers into actors and says whether a role suffices for a verb."""

    def __init__(self, roles: Roles, accounts: Accounts | None = None, daemon_uid: int | None = None) -> None:
        self.roles = roles
        self._accounts = accounts or Accounts()
        self._trusted_uids = frozenset({0, os.geteuid() if daemon_uid is None else daemon_uid})
        self._role_of_gid = self.gids(roles)

    @staticmethod
    def gids(roles: Roles) -> Mapping[int, Role]:
        """Each group's strongest role. Names are looked up here alone (it blocks); an unknown one gives no right."""
        found: dict[int, Role] = {}
        by_role = ((Role.VIEWER, roles.viewers), (Role.OPERATOR, roles.operators), (Role.ADMIN, roles.admins))
        for role, groups in by_role:
            for group in groups:
                gid = group_id(group)
                if gid is not None:
                    found[gid] = role
        return found

    def adopt(self, roles: Roles, role_of_gid: Mapping[int, Role]) -> None:
        """From the next request on these are the roles."""
        self.roles, self._role_of_gid = roles, role_of_gid

    def is_trusted(self, uid: int) -> bool:
        """Whether this uid is root or the daemon's own, which are admin without any lookup."""
        return uid in self._trusted_uids

    async def actor(self, peer: Peer, via: str, read_only: bool = False) -> Actor:
        """The actor behind a peer. ``read_only`` is a caller's own wish to be a viewer; it only takes rights away."""
        account = await self._accounts.of(peer)
        if self.is_trusted(peer.uid):
            role = Role.ADMIN
        else:
            given = [self._role_of_gid[gid] for gid in account.groups if gid in self._role_of_gid]
            role = max(given, key=list(Role).index, default=Role.NOBODY)
        if read_only and role.covers(Role.VIEWER):
            role = Role.VIEWER
        return Actor(ActorKind.PERSON, account.name, peer.uid, role, via)

    def permit(self, row: VerbRow, role: Role) -> bool:
        """Whether ``role`` may use this verb."""
        return role.covers(self.needed(row))

    def needed(self, row: VerbRow) -> Role:
        """The least role that may use this verb."""
        needed = Role(row.role)
        opened = self.roles.stop_allowed_for
        return opened if row.verb in STOPS and opened is Role.VIEWER else needed

    def close(self) -> None:
        """Let go of the lookup threads."""
        self._accounts.close()

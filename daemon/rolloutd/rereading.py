"""Reads the configuration again beside a running daemon: says what it comes to, or refuses it whole; applies nothing.

It blocks (files, secrets, names of groups), so it is called in a thread; nothing of it touches a rollout, a router or
the journal. Adapters are made only to hear whether their options are in order; none of them opens a connection by that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rolloutd.access import Access, Roles
from rolloutd.alerting import Told
from rolloutd.core.values import Role
from rolloutd.foreteller import SpecReader
from rolloutd.outside import Outside
from rolloutd.settings.load import load_settings
from rolloutd.settings.secrets import read_all
from rolloutd.settings.takeover import Changed, taken_over
from rolloutd.settings.tree import Settings


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a file that was read again comes to. ``outside`` counts for its policy alone.

    ``roles`` and ``notifiers`` are None where they are as before.
    """

    settings: Settings
    changed: Changed
    outside: Outside
    read_spec: SpecReader
    roles: tuple[Roles, Mapping[int, Role]] | None
    notifiers: Mapping[str, Told] | None
    secrets: str

    @property
    def something_taken(self) -> bool:
        """Whether anything is other than before."""
        return bool(self.changed.taken) or self.notifiers is not None


class Rereading:
    """The file that the daemon was started with, and what it runs with by now.

    ``make`` builds the outside of a configuration and raises for every fault that only an adapter can see; ``govern``
    puts another configuration's policy into an outside; ``spec_reader`` reads rollouts' files by a configuration.
    """

    def __init__(
        self,
        running: Settings,
        make: Callable[[Settings], Outside],
        govern: Callable[[Outside, Settings], Outside],
        spec_reader: Callable[[Settings], SpecReader],
    ) -> None:
        self._running = running
        self._make = make
        self._govern = govern
        self._spec_reader = spec_reader
        self._secrets = _secrets(running)

    @property
    def file(self) -> str:
        """The file."""
        return self._running.file

    def read(self) -> Fresh:
        """Read it. Raises SettingsError, SecretError or an adapter's own sentence; nothing has changed then."""
        written = load_settings(self.file, self._running.vocabulary)
        made = self._make(written)
        settings, changed = taken_over(self._running, written)
        secrets = _secrets(written)
        told = settings.notify != self._running.notify or secrets != self._secrets
        roles = settings.roles
        return Fresh(
            settings=settings,
            changed=changed,
            outside=self._govern(made, settings),
            read_spec=self._spec_reader(settings),
            roles=(roles, Access.gids(roles)) if roles != self._running.roles else None,
            notifiers=made.notifiers if told else None,
            secrets=secrets,
        )

    def adopted(self, fresh: Fresh) -> None:
        """The daemon runs with this from here on."""
        self._running, self._secrets = fresh.settings, fresh.secrets


def _secrets(settings: Settings) -> str:
    """A fingerprint of what notifiers are told of secrets: a changed one is a reason to make them anew."""
    digest = hashlib.sha256()
    for name, said in sorted(settings.notify.items()):
        digest.update(repr((name, sorted(read_all(said.options).items()))).encode())
    return digest.hexdigest()

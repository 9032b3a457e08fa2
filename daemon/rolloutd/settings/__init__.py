"""The files that people write, the configuration and the rollouts: read whole, checked whole, refused whole.

Nothing here changes traffic, imports an adapter or reads a secret before it is asked to.
"""

from rolloutd.settings.load import load_settings, read_settings
from rolloutd.settings.problems import Problem, SettingsError
from rolloutd.settings.secrets import SecretError, SecretRef, read_all
from rolloutd.settings.spec_file import read_spec
from rolloutd.settings.tree import AdapterSettings, Metric, Settings, SourceSettings, Strategy, Vocabulary

__all__ = [
    "AdapterSettings",
    "Metric",
    "Problem",
    "SecretError",
    "SecretRef",
    "Settings",
    "SettingsError",
    "SourceSettings",
    "Strategy",
    "Vocabulary",
    "load_settings",
    "read_all",
    "read_settings",
    "read_spec",
]

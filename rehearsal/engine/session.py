"""One stack of one project: where its settings, state and lock are, and the key to its secrets."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from rehearsal.engine.backend import Backend
from rehearsal.engine.checkpoint import read_latest
from rehearsal.engine.crypter import Crypter, crypter_for, passphrase_from_environment
from rehearsal.engine.errors import EngineError
from rehearsal.engine.lock import locked
from rehearsal.engine.names import Names
from rehearsal.engine.project import Project
from rehearsal.engine.settings import StackSettings
from rehearsal.engine.state import SECRETS_PROVIDER, State, create_state

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


class Session:
    """A stack, opened by name."""

    def __init__(self, project: Project, backend: Backend, stack: str) -> None:
        self.project = project
        self.backend = backend
        self.names = Names(project.name, stack)
        self.settings = StackSettings(project, stack)

    @classmethod
    def open(cls, folder: Path, stack: str | None) -> Session:
        """Find the project of `folder`, and the stack of that name or the selected one."""
        project = Project.find(folder)
        backend = Backend.of(project)
        return cls(project, backend, backend.require(stack))

    @classmethod
    def create(cls, folder: Path, name: str) -> Session:
        """Make a new stack."""
        project = Project.find(folder)
        backend = Backend.of(project)
        session = cls(project, backend, backend.stack_name(name))
        if session.state_file.exists():
            raise EngineError(f"stack '{session.qualified}' already exists")
        salt = session.settings.salt
        if salt is None:
            crypter = Crypter.create(passphrase_from_environment())
            session.settings.set_salt(crypter.salt)
        else:
            crypter = crypter_for(salt)
            crypter.verify()
        create_state(session.state_file, session.qualified, crypter)
        return session

    @property
    def qualified(self) -> str:
        """The stack's full name."""
        return f"organization/{self.names.project}/{self.names.stack}"

    @property
    def state_file(self) -> Path:
        """Where the stack's state is."""
        return self.backend.state_file(self.names.stack)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the stack's lock."""
        return locked(self.backend.lock_folder(self.names.stack))

    @functools.cached_property
    def crypter(self) -> Crypter:
        """The key to the secrets of the settings, checked against the passphrase."""
        salt = self.settings.salt
        if salt is None:
            secrets = read_latest(self.state_file).get("secrets_providers") or {}
            if secrets.get("type") != SECRETS_PROVIDER:
                raise EngineError(f"{self.settings.file} has no `encryptionsalt`, and neither has the state")
            salt = secrets["state"]["salt"]
        crypter = crypter_for(salt)
        crypter.verify()
        return crypter

    def program_config(self) -> tuple[dict[str, str], list[str]]:
        """Give the configuration for the program: each value as text, and the keys that are secret."""
        return self.settings.for_program(self.crypter)

    def load_state(self, *, writable: bool) -> State:
        """Read the stack's state."""
        self.crypter  # noqa: B018  a missing or wrong passphrase is an error before anything happens
        return State.load(self.state_file, self.qualified, writable=writable)

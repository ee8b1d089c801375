"""One stack of one project: where its settings, state and lock are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.engine.backend import Backend
from rehearsal.engine.checkpoint import read_latest
from rehearsal.engine.crypter import new_salt, verify
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
            salt = new_salt()
            session.settings.set_salt(salt)
        else:
            verify(salt)
        create_state(session.state_file, session.qualified, salt)
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

    def check_passphrase(self) -> None:
        """Raise EngineError where the passphrase is missing or wrong, before anything happens."""
        salt = self.settings.salt
        if salt is None:
            secrets = read_latest(self.state_file).get("secrets_providers") or {}
            if secrets.get("type") != SECRETS_PROVIDER:
                raise EngineError(f"{self.settings.file} has no `encryptionsalt`, and neither has the state")
            salt = secrets["state"]["salt"]
        verify(salt)

    def load_state(self, *, writable: bool) -> State:
        """Read the stack's state."""
        return State.load(self.state_file, self.qualified, writable=writable)

"""What pyproject.toml cannot say: the shipped search spaces go into the package.

They stand in `search_spaces/`, where a reader of the sources looks for them, and are installed as
`slr_tune/search_spaces/`.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SPACES = "search_spaces"


class BuildWithSpaces(build_py):
    """Copies the spaces beside the modules; an editable installation finds them where they are."""

    def run(self) -> None:
        """Builds, then copies."""
        super().run()
        if not self.editable_mode:
            for path in sorted(Path(SPACES).rglob("*.yaml")):
                self.mkpath(str(self._target(path).parent))
                self.copy_file(str(path), str(self._target(path)), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What is built, the spaces too."""
        spaces = [] if self.editable_mode else sorted(Path(SPACES).rglob("*.yaml"))
        return [*super().get_outputs(include_bytecode), *map(str, map(self._target, spaces))]

    def _target(self, path: Path) -> Path:
        return Path(self.build_lib) / "slr_tune" / path


setup(cmdclass={"build_py": BuildWithSpaces})

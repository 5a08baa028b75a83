"""So that a killed launcher leaves no process behind."""

import shutil
from collections.abc import Sequence


def dying_with_parent(command: Sequence[str], name: str) -> list[str]:
    """The command, so that the kernel sends its process signal ``name`` when this process dies.

    setpriv is in util-linux, which every Debian and Ubuntu has. Where it is missing, a launcher
    that is killed with SIGKILL leaves orphans; every other end of it stops its children anyway.
    """
    setpriv = shutil.which('setpriv')
    return [*([setpriv, '--pdeathsig', name] if setpriv else []), *command]

"""What a check found."""

from dataclasses import dataclass, field


@dataclass
class Findings:
    """problems: the recording is not what it says that it is. flaws: it is, but what it shows is
    not what a policy should learn from. notes: what its reader should know.
    """

    problems: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: 'Findings') -> None:
        """Takes over what another check found."""
        self.problems += other.problems
        self.flaws += other.flaws
        self.notes += other.notes

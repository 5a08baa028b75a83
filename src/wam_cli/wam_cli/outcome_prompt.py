"""How an episode ended, asked for with single keys."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from wam_core.task import TaskSpec
from wam_data.manifest import Outcome

_STAGE_KEYS: Final = '1234567890'
_STEP: Final = 5.0  # points by which + and - change the score
_ENTER: Final = ('\r', '\n')
_RUBOUT: Final = ('\x7f', '\b')
_PERIOD_S: Final = 0.05


@dataclass(frozen=True)
class Answer:
    """decision: keep, redo or discard. outcome: of an episode that is kept, else None."""

    decision: str
    outcome: Outcome | None = None


class OutcomePrompt:
    """A question to one person about one episode.

    by: who answers. retry: whether the episode may be thrown away: to record it again (r), or for
    good (d); either wants its key twice. answer: None until there is one.
    """

    def __init__(self, task: TaskSpec, by: str, *, retry: bool) -> None:
        self._task = task
        self._by = by
        self._retry = retry
        self._stage = 0  # highest one reached, counted from 1
        self._correction = 0.0
        self._note = ''
        self._noting = False
        self._asked = ''  # the key that has to be pressed again
        self.answer: Answer | None = None

    def text(self) -> str:
        """What to show, one line."""
        if self._noting:
            return f'note (Enter ends it; space is a space): {self._note}_'
        if self._asked:
            what = 'throw it away' if self._asked == 'd' else 'throw it away and record it again'
            return f'{self._asked} once more: {what}; any other key: back'
        note = f', note: {self._note}' if self._note else ''
        score = self._score(self._stage)
        keys = ['y success', 'n failure', '+ - score', '/ note']
        keys += ['r redo', 'd discard'] if self._retry else []
        if self._task.stages:
            keys.insert(0, f'1-{_STAGE_KEYS[: len(self._task.stages)][-1]} stage reached')
        reached = self._task.stages[self._stage - 1].name if self._stage else '-'
        return f'how did it end? stage {reached}, score {score:g}{note} | {", ".join(keys)}'

    def manual(self) -> list[str]:
        """A line for each stage that has a key."""
        stages = zip(_STAGE_KEYS, self._task.stages, strict=False)
        return [f'{key}  {stage.name} ({stage.points:g})' for key, stage in stages]

    @property
    def phase(self) -> str:
        """What is going on, for a Display: the line is shown again when it changes."""
        return self.text()

    @property
    def typing(self) -> bool:
        """Whether keys are letters of the note."""
        return self._noting

    def press(self, key: str) -> None:
        """Takes one key. Keys that mean nothing here do nothing, as all do after the answer."""
        if self.answer is not None:
            return
        if self._noting:
            self._write(key)
        elif self._asked:
            asked, self._asked = self._asked, ''
            if key == asked:
                self.answer = Answer('discard' if key == 'd' else 'redo')
        else:
            self._choose(key)

    def _choose(self, key: str) -> None:
        if key in _STAGE_KEYS[: len(self._task.stages)]:
            stage = _STAGE_KEYS.index(key) + 1
            # The same key twice takes it back.
            self._stage = stage - 1 if stage == self._stage else stage
        elif key in '+-':
            self._correct(_STEP if key == '+' else -_STEP)
        elif key == '/':
            self._noting = True
        elif key in 'yn':
            self.answer = Answer('keep', self._outcome(success=key == 'y'))
        elif key in 'rd' and self._retry:
            self._asked = key

    def _outcome(self, *, success: bool) -> Outcome:
        stage = self._stage
        if success:  # whoever says so needn't say the stages, too
            stage = max(stage, self._success_stage())
        names = tuple(entry.name for entry in self._task.stages[:stage])
        score = self._score(stage) if stage or not success else 100.0
        return Outcome('success' if success else 'failure', score, names, self._note, self._by)

    def _success_stage(self) -> int:
        stages = range(1, len(self._task.stages) + 1)
        return next((stage for stage in stages if self._task.succeeded(stage)), 0)

    def _score(self, stage: int) -> float:
        return min(100.0, max(0.0, self._task.score(stage) + self._correction))

    def _correct(self, points: float) -> None:
        # No further than what is shown: whoever overshoots must not have to come back unseen.
        base = self._task.score(self._stage)
        self._correction = min(100.0 - base, max(-base, self._correction + points))

    def _write(self, key: str) -> None:
        if key in _ENTER:
            self._noting = False
        elif key in _RUBOUT:
            self._note = self._note[:-1]
        elif key.isprintable():
            self._note += key


def ask(
    prompt: OutcomePrompt,
    keys: Callable[[bool], Sequence[str]],
    show: Callable[[OutcomePrompt], None],
) -> Answer:
    """Waits for the answer; what ``keys`` raises ends the wait.

    keys: those pressed since the last call; its argument says whether they are letters of a text.
    show: called twenty times a second.
    """
    while prompt.answer is None:
        for key in keys(prompt.typing):
            prompt.press(key)
        show(prompt)
        time.sleep(_PERIOD_S)
    return prompt.answer

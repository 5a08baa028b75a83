"""Asks a person how a recorded episode ended, and does what the answer says."""

from collections.abc import Callable, Sequence
from pathlib import Path

from wam_cli.outcome_prompt import Answer, OutcomePrompt, ask
from wam_cli.status import Display
from wam_core.task import TaskSpec
from wam_data.label import write_label
from wam_data.removal import remove


def judge(
    episode: Path,
    task: TaskSpec,
    by: str,
    keys: Callable[[bool], Sequence[str]],
    display: Display,
) -> Answer:
    """The answer, once the episode is labelled with it, or removed. keys: as ``ask`` takes them.

    Raises WamError where the label can't be written or the episode not be removed.
    """
    prompt = OutcomePrompt(task, by, retry=True)
    for line in prompt.manual():
        display.say(f'  {line}')
    answer = ask(prompt, keys, display.show)
    if answer.outcome is None:
        remove(episode)
        display.say(f'{episode}: removed')
    else:
        write_label(episode, answer.outcome)
    return answer

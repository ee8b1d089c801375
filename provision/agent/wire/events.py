"""All events as one type."""

from typing import Type, Union, get_args

from provision.agent.wire import answers, setups
from provision.agent.words import Kind

Event = Union[
    Union[setups.Send, setups.Prompt, setups.Alive, setups.Log, setups.Refused],
    Union[
        setups.Started,
        setups.Joined,
        setups.Unchanged,
        setups.Start,
        setups.StepEvent,
        setups.Reboot,
        setups.Ready,
        setups.Failed,
        setups.Lost,
    ],
    Union[
        answers.Plan,
        answers.Facts,
        answers.Status,
        answers.Overview,
        answers.Journal,
        answers.Tail,
        answers.Run,
        answers.Ended,
        answers.Runs,
        answers.File,
        answers.Tree,
    ],
    Union[
        answers.Arrived,
        answers.Begun,
        answers.Ordered,
        answers.Finished,
        answers.Checked,
        answers.Whole,
        answers.Volume,
        answers.Synced,
        answers.Released,
        answers.Copying,
        answers.Restored,
    ],
]


def kind_of(answer: Type[object]) -> Kind:
    """Return the kind of the events of a type of these."""
    kind: Kind = get_args(answer.__annotations__["event"])[0]
    return kind

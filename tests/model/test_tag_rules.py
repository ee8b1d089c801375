"""A user's own tags: what EC2, IAM and Budgets all take is taken, all else is told with the reason."""

from __future__ import annotations

import pytest

from provision.model.aws_settings import read
from provision.model.tag_rules import MOST, WrongTags, check


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"aws:team": "a"}, '"aws:team": aws:… are AWS\'s own'),
        ({"AWS:team": "a"}, "AWS's own"),
        ({"gpurig:host": "a"}, "the program's own"),
        ({"Gpurig:Project": "a"}, "the program's own"),
        ({"Name": "a"}, "the program's own"),
        ({"": "a"}, "a key has 1 to 128 characters"),
        ({"k" * 129: "a"}, "a key has 1 to 128 characters"),
        ({"team": "v" * 257}, "a value 256 at most"),
        ({"team": "a,b"}, "what IAM takes"),
        ({"te*m": "a"}, "what IAM takes"),
        ({"team": "a", "Team": "b"}, "capitals alone"),
        ({f"tag-{number}": "a" for number in range(MOST + 1)}, "31 tags are too many: 30 at most"),
    ],
)
def test_what_aws_or_the_program_does_not_take_is_told(tags: dict[str, str], why: str) -> None:
    with pytest.raises(WrongTags) as refused:
        check(tags)
    assert why in str(refused.value)


def test_what_all_of_aws_takes_is_taken() -> None:
    check({f"tag-{number}": "a" for number in range(MOST)})
    check({"k" * 128: "v" * 256, "cost centre": "", "lab.uni-x/gpu:1+2=3": "me@example.com", "Größe": "groß"})


def test_the_setting_names_its_key_and_the_way_out() -> None:
    _, (problem,) = read({"defaultTags": '{"tags": {"aws:team": "vision"}}'})
    assert problem.startswith('aws:defaultTags: "aws:team": ')
    assert "pulumi config set aws:defaultTags '" in problem
    values, problems = read({"defaultTags": '{"tags": {"team": "vision"}}'})
    assert (values, problems) == ({"defaultTags": {"tags": {"team": "vision"}}}, [])

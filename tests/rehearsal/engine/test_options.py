"""Each resource option does what it does under the Pulumi CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins


def test_ignore_changes(lab: Lab) -> None:
    options = "opts=Opts(ignore_changes=['size', 'note'])"
    lab.up(f"Thing('a', size=1, note='n', tags={{'env': 'y'}}, {options})")
    lab.rules()
    ignored = "Thing('a', size=2, note='m', tags={'env': 'y'}, " + options + ")"
    assert lab.up(ignored).counts == {"unchanged": 2}
    assert lab.up(ignored.replace("'y'", "'Y'")).counts == {"updated": 1, "unchanged": 1}
    assert lab.changes == ["Update a"]
    assert lab.objects["a"] == {"size": 1, "note": "n", "tags": {"env": "Y"}}


def test_ignore_changes_keeps_what_was_taken_out_of_the_program(lab: Lab) -> None:
    lab.up("Thing('a', note='n', opts=Opts(ignore_changes=['note']))")
    assert lab.up("Thing('a', opts=Opts(ignore_changes=['note']))").counts == {"unchanged": 2}
    assert lab.resource("a")["inputs"]["note"] == "n"


@pytest.mark.parametrize("path", ["tags['born:as']", 'tags["born:as"]', "tags.born"])
def test_a_part_of_a_property_can_be_ignored(lab: Lab, path: str) -> None:
    key = "born" if "." in path else "born:as"
    path = path.replace("'", '"')

    def thing(**tags: str) -> str:
        return f"Thing('a', tags={tags!r}, opts=Opts(ignore_changes=[{path!r}]))"

    lab.up(thing(**{key: "one", "env": "y"}))
    assert lab.up(thing(**{key: "two", "env": "y"})).counts == {"unchanged": 2}
    assert lab.up(thing(**{key: "two", "env": "n"})).counts == {"updated": 1, "unchanged": 1}
    assert lab.objects["a"]["tags"] == {key: "one", "env": "n"}


def test_an_ignored_part_that_was_not_there_is_not_added(lab: Lab) -> None:
    options = "opts=Opts(ignore_changes=['tags[\"born:as\"]'])"
    lab.up(f"Thing('a', size=1, tags={{'env': 'y'}}, {options})")
    assert lab.up(f"Thing('a', size=1, tags={{'env': 'y', 'born:as': 'two'}}, {options})").counts == {"unchanged": 2}
    # What contains the part is taken out as a whole: there is nothing to hold on to.
    gone = lab.up(f"Thing('a', size=1, {options})".replace("born:as", "env"))
    assert "cannot ignore changes in added or removed elements of the path" in gone.text
    assert gone.counts == {"updated": 1, "unchanged": 1}


def test_children_inherit_retention_and_provider(lab: Lab) -> None:
    lab.up(
        "p = Provider('p', region='north')\n"
        "g = Group('g', Opts(retain_on_delete=True, providers=[p]))\n"
        "Thing('inner', opts=Opts(parent=g))\n"
    )
    assert lab.resource("inner")["retainOnDelete"] is True
    assert "lab::p::" in lab.resource("inner")["provider"]
    assert lab.resource("inner")["parent"].endswith("lab:index:Group::g")


def test_retain_on_delete_forgets_the_object_and_keeps_it(lab: Lab) -> None:
    lab.up("Thing('a', opts=Opts(retain_on_delete=True))\nThing('b', opts=Opts(retain_on_delete=True))")
    lab.rules()
    assert lab.up("Thing('b', opts=Opts(retain_on_delete=True))").counts == {"deleted": 1, "unchanged": 2}
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.changes == []
    assert set(lab.objects) == {"a", "b"}
    assert lab.latest.get("resources", []) == []


def test_depends_on_orders_creation_and_deletion(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "slow", "delay": 0.5})
    lab.up("s = Thing('slow')\nThing('after', opts=Opts(depends_on=[s]))\nThing('free')")
    created = lab.changes
    assert created.index("Create slow") < created.index("Create after")
    lab.rules({"method": "Delete", "name": "after", "delay": 0.5})
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.changes.index("Delete after") < lab.changes.index("Delete slow")


def test_depending_on_a_component_means_on_its_children(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "inner", "delay": 0.5})
    lab.up("g = Group('g')\nThing('inner', opts=Opts(parent=g))\nThing('after', opts=Opts(depends_on=[g]))")
    assert lab.changes == ["Create inner", "Create after"]


def test_independent_resources_are_created_side_by_side(lab: Lab) -> None:
    lab.rules({"method": "Create", "delay": 1})
    text = lab.up("for i in range(6): Thing(f't{i}')").text
    first_end = min(text.index(f"t{i} created") for i in range(6))
    assert all(text.index(f"t{i} creating") < first_end for i in range(6))


def test_custom_timeouts_reach_the_provider_in_seconds(lab: Lab) -> None:
    lab.rules()
    lab.up("Thing('a', opts=Opts(custom_timeouts=pulumi.CustomTimeouts(create='1h1m5s')))")
    assert '"timeout": 3665.0' in (lab.cloud / "calls.jsonl").read_text()


def test_explicit_and_default_providers_serve_their_own(lab: Lab) -> None:
    lab.describe("config: {'lab:region': {value: south}}\n")
    lab.up(
        "p = Provider('p', region='north')\n"
        "pulumi.export('own', echo(pulumi.InvokeOptions(provider=p))['region'])\n"
        "pulumi.export('default', echo()['region'])\n"
        "Thing('a', opts=Opts(provider=p))\nThing('b')\n"
    )
    assert lab.run("stack", "output", "own").text.strip() == "north"
    assert lab.run("stack", "output", "default").text.strip() == "south"
    assert "::p::" in lab.resource("a")["provider"]
    assert "::default::" in lab.resource("b")["provider"]


def test_a_changed_provider_updates_and_a_replaced_one_replaces_its_resources(lab: Lab) -> None:
    lab.up("p = Provider('p', region='north', fixed='1')\nThing('a', opts=Opts(provider=p))")
    lab.rules()
    result = lab.up("p = Provider('p', region='south', fixed='1')\nThing('a', opts=Opts(provider=p))")
    assert result.counts == {"updated": 1, "unchanged": 2}
    assert lab.changes == []
    lab.rules()
    result = lab.up("p = Provider('p', region='south', fixed='2')\nThing('a', opts=Opts(provider=p))")
    assert result.counts == {"replaced": 2, "unchanged": 1}
    assert lab.changes == ["Create a", "Delete a"]


def test_get_reads_what_is_not_managed_and_never_deletes_it(lab: Lab) -> None:
    (lab.cloud / "objects").mkdir()
    (lab.cloud / "objects" / "there-12345678.json").write_text('{"size": 7}')
    lab.program(
        "class Known(pulumi.CustomResource):\n"
        "    def __init__(self):\n"
        "        opts = Opts(id='there-12345678')\n"
        "        super().__init__('lab:index:Thing', 'known', {'size': None}, opts)\n"
        "pulumi.export('size', Known().size)\n"
    )
    lab.run("up", "--yes")
    assert lab.run("stack", "output", "size").text.strip() == "7"
    lab.run("destroy", "--yes", "--skip-preview")
    assert set(lab.objects) == {"there"}


@standin_only
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("Thing('a', opts=Opts(import_='x'))", "`import_`"),
        ("Thing('a', opts=Opts(aliases=[pulumi.Alias(name='b')]))", "`aliases`"),
        ("Thing('a', opts=Opts(protect=True))", "`protect`"),
        ("Thing('a', opts=Opts(replace_on_changes=['size']))", "`replace_on_changes`"),
        ("a = Thing('a')\nThing('b', opts=Opts(deleted_with=a))", "does not support the DeletedWith option"),
        ("Thing('a', word=pulumi.Output.secret('w'))", "does not do secrets"),
        ("pulumi.export('word', pulumi.Output.secret('w'))", "does not do secrets"),
        ("Thing('a', opts=Opts(replacement_trigger=1))", "`replacement_trigger`"),
        ("Thing('a', opts=Opts(transforms=[lambda a: None]))", "does not support transforms"),
        ("pulumi.runtime.register_resource_transform(lambda a: None)", "does not support transforms"),
    ],
)
def test_an_option_that_is_not_done_is_refused_by_name(lab: Lab, body: str, named: str) -> None:
    assert named in lab.preview(body, code=1).text

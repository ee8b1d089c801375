"""Each resource option does what it does under the Pulumi CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab


def test_ignore_changes_of_a_property_a_path_and_a_wildcard(lab: Lab) -> None:
    options = "opts=Opts(ignore_changes=['size', 'tags.owner', 'rules[0].port', 'extra[\"a.b\"]'])"
    values = "size=1, tags={'owner': 'x', 'env': 'y'}, rules=[{'port': 1, 'to': 1}], extra={'a.b': 1}"
    lab.up(f"Thing('a', {values}, {options})")
    lab.rules()
    ignored = values.replace("'x'", "'X'").replace("size=1", "size=2").replace("'port': 1", "'port': 9")
    ignored = ignored.replace("'a.b': 1", "'a.b': 2")
    assert lab.up(f"Thing('a', {ignored}, {options})").counts == {"unchanged": 2}
    seen = ignored.replace("'y'", "'Y'")
    assert lab.up(f"Thing('a', {seen}, {options})").counts == {"updated": 1, "unchanged": 1}
    assert lab.changes == ["Update a"]
    assert lab.objects["a"]["tags"] == {"owner": "x", "env": "Y"}
    assert lab.objects["a"]["rules"] == [{"port": 1, "to": 1}]


def test_ignore_changes_keeps_what_was_taken_out_of_the_program(lab: Lab) -> None:
    lab.up("Thing('a', note='n', opts=Opts(ignore_changes=['note']))")
    assert lab.up("Thing('a', opts=Opts(ignore_changes=['note']))").counts == {"unchanged": 2}
    assert lab.resource("a")["inputs"]["note"] == "n"


def test_replace_on_changes(lab: Lab) -> None:
    lab.up("Thing('a', size=1, note='n', opts=Opts(replace_on_changes=['size']))")
    lab.rules()
    result = lab.up("Thing('a', size=2, note='n', opts=Opts(replace_on_changes=['size']))")
    assert result.counts == {"replaced": 1, "unchanged": 1}
    assert lab.changes == ["Create a", "Delete a"]
    lab.rules()
    assert lab.up("Thing('a', size=2, note='m', opts=Opts(replace_on_changes=['size']))").counts["updated"] == 1
    assert lab.changes == ["Update a"]


def test_protect_refuses_to_delete_to_destroy_and_to_replace(lab: Lab) -> None:
    lab.up("Thing('a', fixed=1, opts=Opts(protect=True))\nThing('b')")
    assert "cannot be deleted" in lab.preview("Thing('b')", code=1).text
    assert "cannot be deleted" in lab.up("Thing('b')", code=1).text
    assert "cannot be deleted" in lab.run("destroy", "--yes", code=1).text
    lab.rules()
    assert "marked for protection" in lab.up("Thing('a', fixed=2, opts=Opts(protect=True))\nThing('b')", code=1).text
    assert lab.changes == []
    assert set(lab.objects) == {"a", "b"}
    lab.up("Thing('a', fixed=1, opts=Opts(protect=False))\nThing('b')")
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.objects == {}


def test_children_inherit_protection_and_provider(lab: Lab) -> None:
    lab.up(
        "p = Provider('p', region='north')\n"
        "g = Group('g', Opts(protect=True, providers=[p]))\n"
        "Thing('inner', opts=Opts(parent=g))\n"
    )
    assert lab.resource("inner")["protect"] is True
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


def test_deleted_with_goes_without_a_call(lab: Lab) -> None:
    lab.up("a = Thing('a')\nThing('b', opts=Opts(deleted_with=a, depends_on=[a]))")
    lab.rules()
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.changes == ["Delete a"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Thing('a')", "Thing('b', opts=Opts(aliases=[pulumi.Alias(name='a')]))"),
        ("Thing('a')", "Thing('b', opts=Opts(aliases=['urn:pulumi:dev::proj::lab:index:Thing::a']))"),
        (
            "Thing('a')",
            "Thing('a', opts=Opts(parent=Group('g'), aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]))",
        ),
        ("Thing('a')", "Thing('a', opts=Opts(parent=Group('g'), aliases=[pulumi.Alias(parent=None)]))"),
        (
            "g = Group('old')\nThing('old-x', opts=Opts(parent=g))",
            "g = Group('new', Opts(aliases=[pulumi.Alias(name='old')]))\nThing('new-x', opts=Opts(parent=g))",
        ),
        (
            "a = Thing('a')\nThing('c', serial=a.serial)",
            "a = Thing('b', opts=Opts(aliases=[pulumi.Alias(name='a')]))\nThing('c', serial=a.serial)",
        ),
    ],
    ids=["name", "urn", "parent", "no parent", "parent's own alias", "with a dependent"],
)
def test_a_resource_under_another_name_is_the_same_object(lab: Lab, old: str, new: str) -> None:
    lab.up(old)
    before = lab.objects
    lab.rules()
    lab.up(new)
    assert lab.changes == []
    assert lab.objects == before
    lab.run("preview", "--expect-no-changes")
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.objects == {}


def test_two_resources_cannot_have_been_the_same_one(lab: Lab) -> None:
    lab.up("Thing('a')")
    both = "b = Thing('b', opts=Opts(aliases=[pulumi.Alias(name='a')]))\nThing('a', opts=Opts(depends_on=[b]))"
    assert "Duplicate resource" in lab.up(both, code=1).text
    assert set(lab.objects) == {"a"}


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
        ("Thing('a', opts=Opts(replacement_trigger=1))", "`replacement_trigger`"),
        ("Thing('a', opts=Opts(transforms=[lambda a: None]))", "does not support transforms"),
        ("pulumi.runtime.register_resource_transform(lambda a: None)", "does not support transforms"),
    ],
)
def test_an_option_that_is_not_done_is_refused_by_name(lab: Lab, body: str, named: str) -> None:
    assert named in lab.preview(body, code=1).text

"""What is reached after files came, went, or import something else."""

from tests.sources.reach_tree import Tree, names, start
from tests.sources.weight import weight


def test_an_edit_without_another_import_changes_nothing() -> None:
    """Each file is parsed once for each content, and the answer is the same object."""
    tree = Tree({"main.py": "import a", "a.py": "", "b.py": "import main"})
    before = tree.graph.reach(start("main.py"))
    assert tree.parsed == ["/p/main.py", "/p/a.py"]

    tree.write("a.py", "x = 1")
    tree.write("b.py", "import a")
    tree.write("c.py", "import a")
    assert tree.graph.reach(start("main.py")) is before
    assert tree.parsed == ["/p/main.py", "/p/a.py", "/p/a.py"]


def test_an_import_that_comes_or_goes_is_followed() -> None:
    """By all programs that reach the file."""
    tree = Tree({"main.py": "import a", "job.py": "import a", "a.py": "", "b.py": "import c", "c.py": ""})
    entries = [start("main.py"), start("job.py")]
    tree.graph.reach(entries[0])
    tree.graph.reach(entries[1])

    tree.write("a.py", "import b")
    assert names(tree.graph.reach(entries[0]).reached) == {"main.py", "a.py", "b.py", "c.py"}
    assert names(tree.graph.reach(entries[1]).reached) == {"job.py", "a.py", "b.py", "c.py"}
    assert tree.graph.reach(entries[1]).chain("/p/c.py") == ("/p/job.py", "/p/a.py", "/p/b.py", "/p/c.py")
    tree.write("a.py", "")
    assert names(tree.graph.reach(entries[0]).reached) == {"main.py", "a.py"}


def test_a_way_that_is_gone_is_replaced_by_another() -> None:
    """What is still reached, is so by a chain that is there."""
    tree = Tree({"main.py": "import a, b", "a.py": "import c", "b.py": "import c", "c.py": ""})
    first = tree.graph.reach(start("main.py")).chain("/p/c.py")

    tree.write(first[1].removeprefix("/p/"), "")
    second = tree.graph.reach(start("main.py")).chain("/p/c.py")
    assert {first[1], second[1]} == {"/p/a.py", "/p/b.py"}


def test_a_string_that_becomes_an_import_is_one() -> None:
    """And the other way round."""
    tree = Tree({"main.py": "x = 'ab'", "ab.py": "import c", "c.py": ""})
    assert names(tree.graph.reach(start("main.py")).imported) == {"main.py"}

    tree.write("main.py", "import ab")
    assert names(tree.graph.reach(start("main.py")).imported) == {"main.py", "ab.py", "c.py"}
    tree.write("main.py", "x = 'ab'")
    reach = tree.graph.reach(start("main.py"))
    assert names(reach.imported) == {"main.py"}
    assert names(reach.reached) == {"main.py", "ab.py", "c.py"}


def test_a_file_that_does_not_parse_leads_to_what_it_led_to() -> None:
    """Until it parses again."""
    tree = Tree({"main.py": "import a", "a.py": "", "b.py": ""})
    before = tree.graph.reach(start("main.py"))

    tree.write("main.py", "import a\nimport b\ndef")
    assert tree.graph.reach(start("main.py")) is before
    tree.write("main.py", "import b")
    assert names(tree.graph.reach(start("main.py")).reached) == {"main.py", "b.py"}


def test_an_extension_module_is_never_parsed() -> None:
    """Not when it is built anew either."""
    tree = Tree({"main.py": "import a", "a.so": "\x7fELF"})
    tree.graph.reach(start("main.py"))

    tree.write("a.so", "\x7fELF2")
    assert names(tree.graph.reach(start("main.py")).imported) == {"main.py", "a.so"}
    assert tree.parsed == ["/p/main.py"]


def test_files_that_come_and_go_are_found_and_lost() -> None:
    """A start, a module, a package on the way, what a package holds, a script where a folder was."""
    tree = Tree({"lonely.py": ""})
    entry = start("main.py", "x")
    assert not tree.graph.reach(entry).is_known

    tree.write("main.py", "import a.b\nx = 'app.parts'")
    assert names(tree.graph.reach(entry).reached) == {"main.py"}
    tree.write("a/b.py", "")
    assert names(tree.graph.reach(entry).reached) == {"main.py", "a/b.py"}
    tree.write("a/__init__.py", "")
    tree.write("app/parts/one.py", "")
    assert names(tree.graph.reach(entry).reached) == {
        "main.py",
        "a/b.py",
        "a/__init__.py",
        "app/parts/one.py",
    }
    tree.write("app/parts/two.py", "")
    tree.remove("a/b.py")
    assert names(tree.graph.reach(entry).reached) == {
        *("main.py", "a/__init__.py", "app/parts/one.py", "app/parts/two.py"),
    }
    tree.remove("main.py")
    assert not tree.graph.reach(entry).is_known


def test_a_script_may_take_the_name_of_a_folder() -> None:
    """Whichever is told first."""
    tree = Tree({"bin/run/a.py": "", "bin/b.py": ""})
    tree.write("bin/run", "import b")
    tree.remove("bin/run/a.py")

    assert names(tree.graph.reach(start("bin/run", roots=("bin",))).reached) == {"bin/run", "bin/b.py"}
    tree.remove("bin/b.py")
    tree.remove("bin/run")
    assert not tree.graph.reach(start("bin/run", roots=("bin",))).is_known


def test_many_edits_leave_what_the_last_one_leaves() -> None:
    """A daemon runs for days: names that stand in no file any more are forgotten, wherever they stood."""
    tree = Tree({"main.py": "import pkg, b", "pkg/__init__.py": "", "b.py": "import only_here"})
    weights = []
    for number in range(1000, 1060):
        text = f"import gone{number}.deep, b\nfrom . import rel{number}\nNAME = 'text{number}.part'\n"
        tree.write("main.py", text)
        tree.write("pkg/__init__.py", text)
        tree.graph.reach(start("main.py", strings=("b",)))
        weights.append(weight(tree.graph))

    assert weights[-1] == weights[1]
    assert "/p/b.py" in tree.graph.reach(start("main.py")).reached
    tree.write("only_here.py", "")
    assert "/p/only_here.py" in tree.graph.reach(start("main.py")).reached


def test_files_that_came_and_went_leave_nothing() -> None:
    """What they named is forgotten with them."""
    tree = Tree({"main.py": "import a", "a.py": ""})
    weights = []
    for number in range(1000, 1060):
        tree.write("a.py", f"import new{number}\nNAME = 'other{number}'")
        tree.graph.reach(start("main.py"))
        tree.remove("a.py")
        tree.graph.reach(start("main.py"))
        weights.append(weight(tree.graph))

    assert weights[-1] == weights[1]

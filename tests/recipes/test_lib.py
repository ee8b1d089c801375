"""The other functions that every script uses, for real: a bash, and a package manager that is busy or was killed."""

from __future__ import annotations

import pytest

from provision.agent.steps import REFUSED
from tests.recipes.shell import Shell

BUSY = (
    'n=$(cat "$HOME/n" 2>/dev/null || echo 0); echo $((n + 1)) >"$HOME/n"\n'
    'if [ "$n" -lt 2 ]; then\n'
    '  echo "E: Could not get lock /var/lib/dpkg/lock. It is held by process 7 (apt)" >&2; exit 100\n'
    "fi\n"
    'echo "apt-get $*" >>"$HOME/did"'
)


def test_a_busy_package_manager_is_waited_for_also_by_update(shell: Shell) -> None:
    shell.program("apt-get", BUSY)
    shell.program("dpkg-query", "exit 1")
    done = shell.run("apt_install curl", APT_LOCK_PAUSE="0", code=0)
    assert done.stdout.count("held by process 7 (apt)") == 2
    assert done.stdout.count("waiting for another package manager") == 2
    update, install = (shell.folder / "did").read_text().splitlines()
    assert update.endswith("update")
    assert "--no-install-recommends" in install
    assert install.endswith("install curl")


def test_a_package_manager_that_stays_busy_is_given_up_on_with_who_holds_it(shell: Shell) -> None:
    shell.program("apt-get", 'echo "E: Could not get lock /x. It is held by process 7 (apt)" >&2; exit 100')
    shell.program("dpkg-query", "exit 1")
    done = shell.run("apt_install curl; echo unreached", APT_LOCK_PAUSE="0", APT_LOCK_SECONDS="0", code=1)
    assert "held by process 7 (apt)" in done.stderr
    assert "unreached" not in done.stdout


def test_an_install_that_was_killed_is_mended_before_the_next_try(shell: Shell) -> None:
    shell.program(
        "apt-get", 'echo "apt-get $*" >>"$HOME/did"; case "$*" in *" install "*) [ -e "$HOME/mended" ] ;; esac'
    )
    shell.program("dpkg", 'echo "dpkg $*" >>"$HOME/did"; touch "$HOME/mended"')
    shell.program("dpkg-query", "exit 1")
    shell.program("sleep", ":")
    shell.run("apt_install curl", code=0)
    assert "dpkg --configure -a" in (shell.folder / "did").read_text().splitlines()


@pytest.mark.parametrize(
    ("spec", "asked"),
    [("curl", ""), ("curl=7.81", ""), ("curl=8.0", "curl=8.0"), ("git", "git"), ("half", "half")],
)
def test_only_what_is_missing_is_installed(shell: Shell, spec: str, asked: str) -> None:
    shell.program("dpkg-query", 'printf "curl installed 7.81\\nhalf half-configured 1.0\\n"; exit 1')
    shell.program("apt-get", 'for last; do :; done; [ "$last" = update ] || echo "$last" >"$HOME/asked"')
    shell.run(f"apt_install {spec}", code=0)
    got = shell.folder / "asked"
    assert (got.read_text().strip() if got.exists() else "") == asked
    assert (shell.run(f"has_packages {spec}").returncode == 0) is (not asked)


NVCC = 'echo "sm_75 sm_80 sm_86 sm_87" | tr " " "\\n"'


@pytest.mark.parametrize(("compute", "arch"), [("7.5", "7.5"), ("8.0", "8.0"), ("8.6", "8.6"), ("8.9", "8.6")])
def test_an_old_compiler_compiles_for_the_nearest_gpu_of_the_generation(shell: Shell, compute: str, arch: str) -> None:
    shell.program("nvcc", NVCC)
    done = shell.run(f"cuda_arch {compute}")
    assert (done.returncode, done.stdout.strip()) == (0, arch)
    assert ("compiling for" in done.stderr) is (compute != arch)


def test_an_old_compiler_does_not_compile_for_a_later_generation(shell: Shell) -> None:
    shell.program("nvcc", NVCC)
    done = shell.run("cuda_arch 9.0", code=REFUSED)
    assert "9.0" in done.stderr


def test_a_link_is_moved_in_one_step(shell: Shell) -> None:
    for goal in ("one", "two"):
        (shell.folder / goal).mkdir()
        shell.run(f"point {shell.folder}/current {goal}", code=0)
        assert (shell.folder / "current").readlink().name == goal
    assert sorted(path.name for path in shell.folder.iterdir()) == ["current", "lib.sh", "one", "two"]


def test_a_verify_script_says_what_is_not_so(shell: Shell) -> None:
    done = shell.run('want "the sky is blue" true; want "the moon is cheese" false; echo unreached')
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "gpurig: not so: the moon is cheese\n")


def test_jobs_are_at_least_one_and_at_most_the_processors(shell: Shell) -> None:
    assert shell.run("jobs").stdout.strip() >= "1"
    shell.program("getconf", "echo 1")
    assert shell.run("jobs").stdout == "1\n"


TOGETHER = """
for number in 1 2 3; do
  apt_install "tool-$number" >/dev/null &
done
wait
"""


def test_installs_at_once_take_turns_at_the_package_manager(shell: Shell) -> None:
    shell.program("dpkg-query", "exit 1")
    shell.program(
        "apt-get", 'mkdir "$HOME/in" || touch "$HOME/two"; sleep 0.05; rmdir "$HOME/in"; echo . >>"$HOME/did"'
    )
    shell.run(TOGETHER, code=0)
    assert (shell.folder / "did").read_text().count(".") >= 4
    assert not (shell.folder / "two").exists()


def test_a_daemon_that_a_package_starts_keeps_nobody_from_the_package_manager(shell: Shell) -> None:
    shell.program("dpkg-query", "exit 1")
    shell.program("apt-get", 'sleep 30 >/dev/null 2>&1 & echo "$!" >>"$HOME/daemons"')
    shell.run("apt_install one; apt_install two; kill -0 $(head -n 1 $HOME/daemons); kill $(cat $HOME/daemons)", code=0)
    assert len((shell.folder / "daemons").read_text().split()) == 3


def test_a_source_that_comes_during_an_update_is_asked_by_the_next(shell: Shell) -> None:
    shell.program("dpkg-query", "exit 1")
    shell.program(
        "apt-get", 'echo "$*" >>"$HOME/did"; case "$*" in *update) sleep 0.02; touch "$HOME/list"; sleep 0.02 ;; esac'
    )
    shell.run("apt_update", code=0)
    stamp = (shell.folder / "apt-updated").stat().st_mtime_ns
    assert stamp < (shell.folder / "list").stat().st_mtime_ns


def test_an_update_that_fails_counts_for_none(shell: Shell) -> None:
    shell.program("apt-get", "exit 100")
    shell.run("apt_update", code=1)
    assert not (shell.folder / "apt-updated").exists()


GOOD = "ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n"


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (GOOD, 0),
        (GOOD.replace("=active", "=activating"), 1),
        (GOOD.replace("=active", "=inactive"), 1),
        (GOOD.replace("=enabled", "=enabled-runtime"), 1),
        (GOOD.replace("=enabled", "=disabled"), 1),
        (GOOD.replace("=enabled", "="), 1),
        (GOOD.replace("=no", "=yes"), 1),
        ("", 1),
    ],
)
def test_units_are_asked_about_at_once_and_one_that_is_not_up_is_seen(shell: Shell, second: str, code: int) -> None:
    shell.program("systemctl", f"echo \"$@\" >>'{shell.folder}/asked'\nprintf '%s\\n' '{GOOD}' '{second}'")
    shell.run("is_running one.service two.timer", code=code)
    assert (shell.folder / "asked").read_text().count("\n") == 1
    assert (shell.folder / "asked").read_text().endswith(" one.service two.timer\n")

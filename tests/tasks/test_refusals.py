"""What bad words get, of `fab` and of its verbs: a refusal before any host is asked, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.fab import LICENCES, refused, write_hosts
from tests.kit.recipes import write_trial

URL = "https://host.example/train.zip"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("statsu",), ('no task "statsu"', "status", "fab --list")),
        (("caffe",), ('no task "caffe"', "setup-caffe")),
        (("plan", "caffe", "bases"), ('no task "bases"', "fab plan takes no such word", "base")),
        (("--help", "statsu"), ('no task "statsu"', "status")),
        (("--help", "sta'tus"), ('no task "sta\'tus"', "status")),
        (("--limit", "a", "ps"), ("fab has no option --limit", "fab --help the options that come before one")),
        (("ps", "--limt", "a"), ("fab ps has no option --limt", "--limit", "fab --help ps")),
        (("ps", "--limit"), ("--limit of fab ps", "value")),
        (("cancel",), ("fab cancel needs NAME: which run", "fab --help cancel")),
        (("volume-grow",), ("fab volume-grow needs SIZE: GiB",)),
        (("setup-base", "--accept", "nope"), ("--accept nope", "there are: nvidia-cuda, nvidia-cudnn")),
        (("render", "--recipe", "cafe", "--gpu", "none"), ('no recipe "cafe"', "caffe")),
        (("render", "--gpu", "T5"), ("--gpu T5", "T4", "none")),
        (("render", "--gpu", "none", "--image", "windows"), ('no image "windows"', "ubuntu-22.04")),
        (("render", "--gpu", "none", "--source", "cuda"), ("--source cuda=", "RECIPE=SOURCE")),
        (
            ("render", "--recipe", "cuda", "--gpu", "none", "--source", "cuda=moon"),
            ('no source "moon"', "distribution"),
        ),
        (("render", "--recipe", "nvidia-driver", "--gpu", "none"), ("needs a GPU", 'gpu = "none"')),
        (("render", "--recipe", "caffe", "--gpu", "V100", *LICENCES), ("compute 7.0", 'take gpu "none"')),
        (("render", "--gpu", "none", "--out", ""), ('--out ""', "name a file")),
        (("render", "--gpu", "none", "--out", "nodir/x"), ("--out nodir/x", "No such file")),
        (("render", "--image", "windows"), ('no image "windows"',)),
        (("render", "--source", "cuda"), ("--source cuda=", "RECIPE=SOURCE")),
        (("-H", "192.0.2.7", "render"), ("192.0.2.7", "--gpu T4")),
        (("plan", "--source", "cuda"), ("--source cuda=", "RECIPE=SOURCE")),
        (("-H", "a,b", "ssh"), ("one host", "a, b")),
        (("-H", "a,b", "tunnel"), ("one host", "a, b")),
        (("tunnel", "--port", "0"), ("--port 0", "1 to 65535")),
        (("tunnel", "--local", "65536"), ("--local 65536", "1 to 65535")),
        (("tunnel", "--port", "http"), ("--port http", "1 to 65535")),
        (("run", "--ray", "--with", "pytorch", "--", "true"), ("--ray names the host and the environment", "--with")),
        (("run", "--ray", "--limit", "box", "--", "true"), ("--ray names the host and the environment", "--limit")),
        (("tunnel", "--ray", "--port", "80"), ("--ray names the port and the host", "leave --port and --limit out")),
        (("-H", "a,b", "lab"), ("one host", "a, b")),
        (("lab", "--local", "65536"), ("--local 65536", "1 to 65535")),
        (("tensorboard", "--local", "0"), ("--local 0", "1 to 65535")),
        (("setup", "--upload", "cudnn=~/no/such"), ("no such file",)),
        (("setup-base", "--upload", "cudnn=hosts.toml"), ("--upload cudnn", "no such step", "allowed: base")),
        (("setup", "--upload", "cudnn"), ("--upload cudnn=", "RECIPE=FILE")),
        (("setup", "--upload", "cudnn=/no/such"), ("/no/such", "no such file")),
        (("setup-base", "--accept"), ("--accept of fab setup-base", "has none: a licence", "fab --help setup-base")),
        (("setup-base", "-a"), ("--accept of fab setup-base", "has none: a licence", "fab --help setup-base")),
        (("plan", "--source", "--limit", "a"), ("--source of fab plan", "has none: RECIPE=SOURCE")),
        (("dataset-get", "--s3-endpoint"), ("--s3-endpoint of fab dataset-get", "has none: address")),
        (("ps", "-H"), ("-H comes with a value, and has none", "fab -H VALUE ps")),
        (
            ("-H", "setup-base", "--fresh"),
            ('-H comes with a host, and "setup-base" is a', "USER@HOST setup-base --fresh"),
        ),
        (("-H", "ps"), ('a host, and "ps" is a task', "fab -H USER@HOST ps")),
        (("-H", "", "ps"), ("-H comes with a host, and has none", "USER@HOST")),
        (("ps", "--hosts="), ("-H comes with a host, and has none", "USER@HOST")),
        (("run",), ("no command", "fab run --")),
        (("run", "python", "a b.py"), ("two hyphens", "fab run -- python 'a b.py'")),
        (("example-torch7",), ('no task "example-torch7"', "setup-torch7", "fab --list")),
        (("setup-kears",), ('no task "setup-kears"', "setup-keras")),
        (("run", "--name", "B ad", "--", "true"), ('"B ad"', "small letters")),
        (("run", "--all-hosts", "--", "a.py"), ("torchrun", "fab run --all-hosts --with pytorch")),
        (("run", "--all-hosts", "--with", "pytorch", "--", "python", "a.py"), ('"python"', "say the script first")),
        (("run", "--all-hosts", "--with", "pytorch", "--name", "B", "--", "a.py"), ('"B"', "small letters")),
        (
            ("run", "--all-hosts", "--with", "pytorch", "--resume", "x", "--", "a.py"),
            ("--resume", "starts nothing again"),
        ),
        (("cancel", "../etc"), ('"../etc"', "small letters")),
        (("logs", "--lines", "few"), ("--lines few", "number")),
        (("fetch", "/etc/*"), ("/etc/*", "below /jobs")),
        (("sync", "nowhere"), ("nowhere", "no such folder")),
        (("sync", "/"), ("/", "--name")),
        (("sync", "/", "--name", "all"), ("/", "home folder")),
        (("sync", "empty"), ("nothing", ".gitignore")),
        (("sync", "--limit", "a,other"), ("--limit other", "no host", "there are: a")),
        (
            (
                "recipes",
                "torch8",
            ),
            ('no recipe "torch8"', "base, caffe"),
        ),
        (("recipes", "--image", "beos"), ('no image "beos"', "ubuntu-22.04")),
        (("recipes", "--gpu", "voodoo2"), ('no GPU model "voodoo2"', "T4")),
        (("dataset-get",), ("there is no address to fetch from",)),
        (
            ("dataset-get", "ftp://host.example/x", "train.zip"),
            ("ftp://host.example/x: an address begins with", "train.zip: an"),
        ),
        (
            (
                "dataset-get",
                "https://me:secret@host.example/x.zip",
            ),
            ("host.example: a password in an address ends up in logs",),
        ),
        (("dataset-get", URL, "--sums", "none.txt"), ("--sums none.txt", "sha256:DIGEST")),
        (("dataset-get", URL, "--header", "secret"), ("--header, number 1: write 'NAME: VALUE'",)),
        (("dataset-get", URL, "--parallel", "0"), ("--parallel 0: write a number from 1 to 32",)),
        (("dataset-get", URL, "--name", "../x"), ("cannot be a data set's name",)),
        (("dataset-build", "retina"), ("--from is missing: the folder of the pictures",)),
        (("dataset-build", "../retina", "--from", "eyes"), ("cannot be a data set's name",)),
        (("example-tiny", "--file", "style.png"), ("--file style.png=", "NAME=PATH")),
        (("example-tiny", "--args", "--epochs '3"), ("--args --epochs '3: No closing quotation",)),
        (("bench-tiny", "--source", "tiny"), ("--source tiny=", "RECIPE=SOURCE")),
        (
            ("bench-tiny", "--file", "style.png=/no/such", "--file", "stile.png=hosts.toml"),
            ("/no/such: there is no such file", "no such file; it has: paint.sh, style.png, time.sh"),
        ),
    ],
)
def test_bad_words_are_refused_with_the_way_out(tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    write_hosts(tmp_path, "a")
    write_trial(tmp_path / "mine")
    home = tmp_path / "home"
    for folder in (home, tmp_path / "empty"):
        folder.mkdir()
    said = refused(tmp_path, *words, HOME=str(home), GPURIG_RECIPES=str(tmp_path / "mine"))
    for part in parts:
        assert part in said
    assert "secret" not in said

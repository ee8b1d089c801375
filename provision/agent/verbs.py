"""What a client can ask for. `serve` says which module answers."""

from __future__ import annotations

from provision.agent.words import Word


class Verb(Word):
    """The verb of a request."""

    APPLY = "apply"
    PLAN = "plan"
    FOLLOW = "follow"
    STATUS = "status"
    FACTS = "facts"
    OVERVIEW = "overview"
    JOURNAL = "journal"
    GUARD = "guard"
    RUNS = "runs"
    START = "start"
    RESUME = "resume"
    STOP = "stop"
    LOG = "log"
    FILES = "files"
    TREE = "tree"
    ORDER = "order"
    ARRIVED = "arrived"
    BEGIN = "begin"
    FINISH = "finish"
    VOLUME = "volume"
    SYNC = "sync"
    GROW = "grow"
    RELEASE = "release"
    WATCH = "watch"
    CHECK = "check"
    RESTORE = "restore"
    SAMPLE = "sample"
    SEAL = "seal"
    SHARE = "share"

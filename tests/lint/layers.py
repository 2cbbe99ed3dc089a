# SPDX-License-Identifier: MIT
"""Holds the #include lines to the architecture: who may include whom, and who owns
which outside header. The order of the subdir() lines in meson.build says the same to
the linker; this says it to the reader, earlier and with a sentence."""
import re
import sys

import sources

BELOW_FS = ("backend/request", "backend/model", "backend/policy", "backend/engine", "cache")

# A layer and the layers to its left that it may name. Every layer may include itself
# and cache/base.
MAY_INCLUDE = {
    "cache/base": (),
    "cache": (),
    "backend/net": (),
    "backend/auth": ("backend/net",),
    "backend/request": (),
    "backend/model": ("backend/request",),
    "backend/policy": ("backend/request", "backend/model"),
    "backend/media": (),
    "backend/quality": (),
    "backend/sandbox": ("backend/media", "backend/quality"),
    "backend/render": ("backend/media",),
    # The built-in renderer is a provider that works on the pool instead of the network.
    # Limits and prices of policy are pure, and stand left of the providers that ask them.
    "backend/provider": ("backend/net", "backend/auth", "backend/request",
                         "backend/model", "backend/policy", "backend/render",
                         "backend/media"),
    "backend/engine": ("backend/net", "backend/auth", "backend/request", "backend/model",
                       "backend/policy", "backend/media", "backend/quality",
                       "backend/sandbox", "backend/render", "backend/provider",
                       "cache"),
    # The rooms of fs, in the order in which they may know each other.
    "fs/config": ("cache",),
    "fs/grammar": BELOW_FS[:3],
    "fs/mount": BELOW_FS + ("fs/config", "fs/grammar"),
    "fs/virtual": BELOW_FS + ("fs/config", "fs/grammar", "fs/mount"),
    "fs/tree": BELOW_FS + ("fs/config", "fs/grammar", "fs/mount", "fs/virtual"),
    "fs/control": BELOW_FS + ("fs/config", "fs/grammar", "fs/mount", "fs/virtual"),
    "fs/serve": BELOW_FS + ("fs/config", "fs/mount", "fs/tree", "fs/control"),
    "fs/cli": BELOW_FS + ("fs/config", "fs/mount", "fs/control", "fs/serve"),
    "fs": ("fs/cli",),
}
# main.c is also where the sandbox starts.
ALSO = {
    "fs/main.c": ("backend/sandbox",),
}

# The engine inside, lowest first: a file includes its own header and lower levels, no
# sister. The rooms of a paid job know no other room.
ENGINE = "backend/engine/"
LEVELS = (
    ("engine.h",),
    ("flight", "maker", "place", "plan", "response", "slots"),
    ("errors",),
    ("core",),
    ("admit", "measuring", "run", "ticket"),
    ("detail", "unstored"),
    ("store_run",),
    ("job.h",),
    ("job", "job_life", "waiters"),
    ("local_maker", "status", "submit"),
    ("paid/network",),
    ("paid/exchange", "paid/route"),
    ("paid/paid", "paid/paid_book"),
    ("paid/paid_describe", "paid/paid_part", "paid/paid_rows"),
    ("paid/paid_inputs", "paid/paid_wire"),
    ("paid/paid_ask", "paid/paid_fetch", "paid/paid_file", "paid/paid_judge",
     "paid/paid_next", "paid/paid_reserve", "paid/paid_retry", "paid/paid_send"),
    ("paid/resume",),
    ("paid/paid_open",),
    ("paid/paid_maker",),
    ("engine",),
)

# Outside headers and the only places that may include them.
OWNERS = (
    (r"lmdb\.h", ("cache/",)),
    (r"curl/.*", ("backend/net/",)),
    (r"sys/epoll\.h", ("backend/net/",)),
    (r"cjson/.*", ("cache/base/json.h", "cache/base/json.c")),
    (r"openssl/.*", ("cache/base/digest.c", "cache/base/digest.h", "backend/auth/")),
    (r"libav.*|libsw.*", ("backend/media/",)),
    (r"png\.h|jpeglib\.h|jerror\.h|turbojpeg\.h", ("backend/media/",)),
    (r"seccomp\.h", ("backend/sandbox/",)),
    (r"fuse.*\.h", ("fs/mount/libfuse.h",)),
    # The control socket is a file of the mount; everything that reaches a network is
    # backend/net's.
    (r"sys/socket\.h|sys/un\.h", ("backend/net/", "fs/control/")),
    (r"netinet/.*|arpa/.*|netdb\.h", ("backend/net/",)),
)

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path):
    fits = [layer for layer in MAY_INCLUDE if path.startswith(layer + "/")]
    return max(fits, key=len, default=None)


def level_of(path):
    """None: outside the engine, -1: in no level."""
    if not path.startswith(ENGINE):
        return None
    name = path[len(ENGINE):]
    for names in (name, name.rsplit(".", 1)[0]):
        for level, files in enumerate(LEVELS):
            if names in files:
                return level
    return -1


def check_level(path, target):
    own, goal = level_of(path), level_of(target)
    if own is None or goal is None:
        return None
    if -1 in (own, goal):
        return f'"{path if own == -1 else target}" is in no level of LEVELS'
    if goal < own or path.rsplit(".", 1)[0] == target.rsplit(".", 1)[0]:
        return None
    return f'"{target}" is no lower level of the engine'


def check_ours(path, layer, target):
    if "/" not in target:
        return f'"{target}": write the full path from the top of the tree'
    goal = layer_of(target)
    if goal is None:
        return f'"{target}" belongs to no layer'
    if goal in (layer, "cache/base") or goal in MAY_INCLUDE[layer] + ALSO.get(path, ()):
        return check_level(path, target)
    return f'{layer} may not include {goal} ("{target}")'


def check_outside(path, target):
    for pattern, owners in OWNERS:
        if re.fullmatch(pattern, target) and not path.startswith(owners):
            return f"<{target}> belongs to {' and '.join(owners)}"
    return None


def check_file(path):
    layer = layer_of(path)
    if layer is None:
        yield f"{path}: in no layer; add its folder to tests/lint/layers.py"
        return
    with open(f"{sources.root()}/{path}", encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            target = found[2]
            wrong = (check_ours(path, layer, target) if found[1] == '"'
                     else check_outside(path, target))
            if wrong:
                yield f"{path}:{number}: {wrong}"


def main():
    files = sources.walk(".c", ".h", under=("cache", "backend", "fs"))
    complaints = [c for path in files for c in check_file(path)]
    return sources.finish(complaints, len(files))


if __name__ == "__main__":
    sys.exit(main())

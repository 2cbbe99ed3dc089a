# SPDX-License-Identifier: MIT
"""A promptfs mounted for a test: its own directories, its own process, gone afterwards.

The binary is $PROMPTFS, the C helper $OPENER; both are set by meson.
"""
import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import tapcase

PROMPTFS = os.environ.get("PROMPTFS", "build/fs/promptfs")
OPENER = os.environ.get("OPENER", "build/tests/support/opener")
# Sanitizers make everything slower; waits that are only there to end a hang stretch.
SLOW = float(os.environ.get("PROMPTFS_TEST_SLOW", "1"))
# What a shell may be set up with for the real services; no test may reach them.
SERVICES = ("GOOGLE_", "GCLOUD_", "GEMINI_", "OPENAI_", "CLOUDSDK_", "STORAGE_EMULATOR_",
            "GCE_METADATA_")
# The virtual files are snapshots that a second look within a second may share.
SNAPSHOT_S = 1.05


def why_no_fuse():
    """None, or the reason why nothing can be mounted here."""
    if not os.path.exists("/dev/fuse"):
        return "/dev/fuse is not there"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse may not be opened by this user"
    if os.geteuid() != 0 and not shutil.which("fusermount3"):
        return "fusermount3 is not installed"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        return f"/dev/fuse cannot be opened: {e.strerror}"
    return None


def main():
    """What each file of tests/integration ends with."""
    reason = why_no_fuse()
    if reason and os.environ.get("PROMPTFS_REQUIRE_FUSE"):
        print(f"Bail out! {reason}, and PROMPTFS_REQUIRE_FUSE is set")
        sys.exit(1)
    if reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, abandon)
    tapcase.main()


def run(*cmd, timeout=60, check=True, **more):
    """A program's result; its output is bytes. A hang is a failure, not a wait."""
    done = subprocess.run([str(c) for c in cmd], capture_output=True, check=False,
                          timeout=timeout * SLOW, **more)
    if check and done.returncode:
        said = done.stderr.decode(errors="replace")[-2000:]
        raise AssertionError(f"{cmd} ended with {done.returncode}: {said}")
    return done


def wait_for(true, timeout=10, what="it"):
    """Returns the first true value of `true()`."""
    end = time.monotonic() + timeout * SLOW
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {timeout * SLOW} s for {what} in vain")


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return any(line.split()[4] == path for line in f)


def unmount(path):
    """Detaches whatever is at `path`, a dead mount included."""
    for cmd in (["fusermount3", "-uz", path], ["umount", "-l", path]):
        if not is_mounted(path):
            return
        subprocess.run(cmd, capture_output=True, timeout=20, check=False)


LIVE = set()


def abandon(*_):
    """The time is up: leave no mount and no process behind, then end."""
    for mount in list(LIVE):
        mount.process.kill()
        unmount(mount.root)
    os._exit(1)


class Mount:
    """One mount process. Start, use as a path, stop; kill() is the crash."""

    def __init__(self, *options, base=None, start=True, flags=("-f",)):
        self.options = options
        self.flags = flags
        self.owns_base = base is None
        self.base = base or tempfile.mkdtemp(prefix="promptfs-test-")
        self.root = os.path.join(self.base, "mnt")
        self.state = os.path.join(self.base, "state")
        self.log = os.path.join(self.base, "log")
        self.process = None
        self.counter = itertools.count(1)
        os.makedirs(self.root, exist_ok=True)
        if start:
            self.start()

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(SERVICES)}
        return env | {"XDG_CONFIG_HOME": os.path.join(self.base, "config"),
                      "XDG_DATA_HOME": os.path.join(self.base, "data")}

    def spawn(self):
        options = ",".join((f"state={self.state}",) + self.options)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [PROMPTFS, *self.flags, "-o", options, self.root], env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        LIVE.add(self)

    def is_ready(self):
        code = self.process.poll()
        if code is not None:
            raise AssertionError(f"promptfs ended with {code}: {self.log_text()}")
        return is_mounted(self.root)

    def start(self, timeout=20):
        self.spawn()
        try:
            wait_for(self.is_ready, timeout, "the mount")
        except AssertionError:
            self.stop()
            raise
        return self

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-8000:]

    def kill(self):
        """What a crash or the out-of-memory killer does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        unmount(self.root)
        LIVE.discard(self)

    def stop(self, sig=signal.SIGTERM, timeout=30):
        """Ends the mount; its exit status. A mount that does not end is a failure."""
        code = None
        try:
            if self.process and self.process.poll() is None:
                self.process.send_signal(sig)
            code = self.process.wait(timeout * SLOW) if self.process else None
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        finally:
            unmount(self.root)
            LIVE.discard(self)
        return code

    def discard(self):
        """Ends it however it is, and its directories with it; its exit status."""
        code = self.stop()
        if self.owns_base:
            shutil.rmtree(self.base, ignore_errors=True)
        return code

    def close(self):
        code = self.stop()
        text = self.log_text()  # with what a sanitizer says at the very end
        self.discard()
        if code != 0 or "Sanitizer" in text or "runtime error:" in text:
            raise AssertionError(f"promptfs ended with {code}: {text}")

    # ---- paths and their content ----

    def path(self, *parts):
        return os.path.join(self.root, *(p.lstrip("/") for p in parts))

    def fresh(self, label="a quiet harbour", model="imagen-2", name="1.png", tree="prompts"):
        """A media path that nobody has opened yet."""
        n = next(self.counter)
        return self.path(tree, f"{label}, number {n}", model, name)

    def generate(self, *args, **kwargs):
        path = self.fresh(*args, **kwargs)
        return path, read(path)

    def control(self, name):
        with open(self.path(".promptfs", name), encoding="utf-8") as f:
            return json.load(f)

    def requests(self):
        """How many jobs ended, over the store's life, as of now."""
        time.sleep(SNAPSHOT_S)
        return self.control("metrics.json")["total_requests"]

    def wait_idle(self):
        """Until the jobs that earlier cases left behind have ended."""
        for _ in range(600):
            if not self.control("status.json")["jobs"]:
                return
            time.sleep(SNAPSHOT_S)
        raise AssertionError("jobs still run")

    def command(self, *args, check=True, timeout=60, **more):
        return run(PROMPTFS, *args, env=self.environment(), check=check, timeout=timeout,
                   **more)


class MountCase(unittest.TestCase):
    """A class of cases that share one mount, made with `options`."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.mount = Mount(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.mount.close()

    def assertErrno(self, number, call, *args):
        with self.assertRaises(OSError) as caught:
            call(*args)
        self.assertEqual(errname(caught.exception.errno), errname(number))


def errname(number):
    return errno.errorcode.get(number, str(number))


def read(path, flags=0):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    with open(fd, "rb") as f:
        return f.read()


def text(path):
    return read(path).decode()


def load(path):
    return json.loads(read(path))


def settle(path, timeout=60):
    """`.quality` of a media file once it is measured."""
    def measured():
        got = load(path + ".quality")
        return got if "quality_grade" in got else None
    end = time.monotonic() + timeout * SLOW
    while time.monotonic() < end:
        got = measured()
        if got:
            return got
        time.sleep(SNAPSHOT_S)
    raise AssertionError(f"{path}.quality is still {text(path + '.quality')}")


def wait_parked(process, timeout=10):
    """Waits until a process sleeps in its open: its system call is openat, and that for
    longer than the look-ups before it take."""
    seen = 0

    def parked():
        nonlocal seen
        seen = seen + 1 if sleeps() else 0
        return seen > 5

    def sleeps():
        with open(f"/proc/{process.pid}/syscall", encoding="ascii") as f:
            number = f.read().split()[0]
        with open(f"/proc/{process.pid}/wchan", encoding="ascii") as f:
            return number in ("257", "56", "2") and "wait" in f.read()
    wait_for(parked, timeout, "an open to park")

# SPDX-License-Identifier: MIT
"""An ordinary user mounts, generates and unmounts with fusermount3. Run as root, this
becomes that user, in a mount namespace of its own where /dev/fuse is as on a desktop."""
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

import mountfix
from mountfix import read, run

INSIDE = "PROMPTFS_TEST_INSIDE"
PREPARE = """set -e
mkdir "$1/dev" && mount -t tmpfs -o mode=755 none "$1/dev"
mknod -m 666 "$1/dev/fuse" c 10 229
mount --bind "$1/dev/fuse" /dev/fuse
cd "$1"
exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$2" "$3"
"""


class OrdinaryUser(mountfix.MountCase):
    def test_is_ordinary(self):
        self.assertNotEqual(os.geteuid(), 0)

    def test_generates(self):
        path, data = self.mount.generate()
        self.assertEqual(data[:4], b"\x89PNG")
        self.assertEqual(os.stat(path).st_uid, os.geteuid())

    def test_inputs(self):
        with open(self.mount.path("inputs/note.txt"), "wb") as f:
            f.write(b"from an ordinary user")
        self.assertEqual(read(self.mount.path("inputs/note.txt")), b"from an ordinary user")

    def test_store_is_private(self):
        self.assertEqual(os.stat(self.mount.state).st_mode & 0o777, 0o700)

    def test_fusermount_unmounts(self):
        path, data = self.mount.generate()
        run("fusermount3", "-u", self.mount.root)
        self.assertEqual(self.mount.process.wait(20), 0)
        self.mount.start()
        self.assertEqual(read(path), data)


FSTAB = """set -e
mount -t tmpfs none /usr/local/bin
cp "$1" /usr/local/bin/promptfs
mount -t fuse.promptfs -o "state=$2/state,allow_other,nofail,_netdev,noauto,nosuid" art "$2/mnt"
trap 'umount "$2/mnt"' EXIT
grep "^art $2/mnt fuse.promptfs " /proc/mounts
setpriv --reuid=nobody --regid=nogroup --clear-groups cat "$2/mnt/$3" >"$2/made"
! setpriv --reuid=nobody --regid=nogroup --clear-groups rm -f "$2/mnt/$3" 2>/dev/null
"""


def as_fstab():
    """mount -t fuse.promptfs as root, with allow_other; a user reads but does not rm."""
    with tempfile.TemporaryDirectory(prefix="promptfs-fstab-") as base:
        os.chmod(base, 0o755)
        os.mkdir(os.path.join(base, "mnt"))
        done = run("unshare", "-m", "--propagation", "private", "sh", "-c", FSTAB, "sh",
                   mountfix.PROMPTFS, base, "prompts/a red door/imagen-2/1.png", check=False)
        if done.returncode:
            return done.stdout.decode() + done.stderr.decode() or "rm was allowed"
        return None if os.path.getsize(os.path.join(base, "made")) else "nothing was made"


def why_not_as_nobody():
    try:
        pwd.getpwnam("nobody")
    except KeyError:
        return "there is no user nobody"
    for program in ("unshare", "setpriv", "fusermount3"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        return "no mount namespace can be made here"
    return None


def as_nobody():
    """Runs this file again as nobody, with copies where nobody can read them."""
    with tempfile.TemporaryDirectory(prefix="promptfs-user-") as base:
        os.chmod(base, 0o755)
        env = dict(os.environ)
        for name, path in (("PROMPTFS", mountfix.PROMPTFS), ("OPENER", mountfix.OPENER)):
            env[name] = shutil.copy(path, base)
        for module in (__file__, mountfix.__file__, mountfix.tapcase.__file__):
            shutil.copy(module, base)
        home = os.path.join(base, "home")
        os.mkdir(home)
        os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
        env |= {INSIDE: "1", "HOME": home, "TMPDIR": home, "PYTHONPATH": base,
                "PYTHONDONTWRITEBYTECODE": "1"}
        here = os.path.join(base, os.path.basename(__file__))
        python = next((p for p in ("/usr/bin/python3", sys.executable)
                       if os.path.exists(p)), sys.executable)
        cmd = ["unshare", "-m", "--propagation", "private", "sh", "-c", PREPARE, "sh", base,
               python, here]
        return subprocess.run(cmd, env=env, check=False).returncode


if __name__ == "__main__":
    if os.geteuid() != 0 or os.environ.get(INSIDE):
        mountfix.main()
    REASON = mountfix.why_no_fuse() or why_not_as_nobody()
    if REASON and not os.environ.get("PROMPTFS_REQUIRE_FUSE"):
        print(f"1..0 # SKIP {REASON}")
        sys.exit(0)
    WRONG = as_fstab()
    if WRONG:
        print(f"Bail out! mount -t fuse.promptfs: {WRONG}")
        sys.exit(1)
    sys.exit(as_nobody())

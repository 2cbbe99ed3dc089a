# SPDX-License-Identifier: MIT
"""A store on a filesystem that is full: a clear errno and sentence, nothing lost, and
everything works again once there is room. Needs root, for a small tmpfs."""
import errno
import os
import subprocess
import sys
import tempfile
import time

import mountfix
from mountfix import read, run, text

SMALL, LARGE = "size=96m", "size=400m"


class Full(mountfix.MountCase):
    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="promptfs-full-")
        cls.addClassCleanup(os.rmdir, cls.base)
        run("mount", "-t", "tmpfs", "-o", SMALL, "none", cls.base)
        cls.addClassCleanup(run, "umount", cls.base)
        cls.mount = mountfix.Mount(base=cls.base)

    def test_full_and_again_room(self):
        path, data = self.mount.generate()
        filler = os.path.join(self.base, "filler")
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1M"], check=False,
                       capture_output=True)
        refused = self.mount.fresh("a full house", model="imagen-3")
        self.assertErrno(errno.ENOSPC, open, refused, "rb")
        self.assertIn("promptfs prune", text(refused + ".error"))
        self.assertEqual(os.stat(refused).st_blocks, 0)
        self.assertEqual(read(path), data)
        os.unlink(filler)
        run("mount", "-o", "remount," + LARGE, self.base)
        self.assertEqual(read(refused)[:4], b"\x89PNG")
        time.sleep(mountfix.SNAPSHOT_S)  # the sidecar's content holds for a second
        self.assertEqual(read(refused + ".error"), b"")
        self.mount.command("verify", self.mount.root)


def why_no_tmpfs():
    if os.geteuid():
        return "only root can mount a small tmpfs"
    with tempfile.TemporaryDirectory() as d:
        if subprocess.run(["mount", "-t", "tmpfs", "none", d], check=False,
                          capture_output=True).returncode:
            return "a tmpfs cannot be mounted here"
        run("umount", d)
    return None


if __name__ == "__main__":
    REASON = why_no_tmpfs()
    if REASON:
        print(f"1..0 # SKIP {REASON}")
        sys.exit(0)
    mountfix.main()

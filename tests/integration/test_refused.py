# SPDX-License-Identifier: MIT
"""What is told on the terminal before anything is mounted: a store that others could
reach, and settings that cannot be right."""
import os
import shutil
import subprocess
import tempfile
import unittest

import mountfix

NOBODY = 65534


class Refused(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="promptfs-test-")
        self.addCleanup(shutil.rmtree, self.base, True)
        self.state = os.path.join(self.base, "state")
        self.root = os.path.join(self.base, "mnt")
        os.mkdir(self.root)

    def said(self, options="", status=1):
        """Without -f: what reaches the terminal before the fork is all there is."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(mountfix.SERVICES)}
        env |= {"XDG_CONFIG_HOME": self.base}
        done = subprocess.run(
            [mountfix.PROMPTFS, "-o", f"state={self.state}{options}", self.root],
            env=env, capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
        self.addCleanup(mountfix.unmount, self.root)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, status, said)
        self.assertEqual(mountfix.is_mounted(self.root), status == 0)
        if status:
            self.assertTrue(said.startswith("promptfs: ") and said.count("\n") == 1, said)
        return said

    def command(self, *args):
        done = subprocess.run([mountfix.PROMPTFS, *args, "-o", f"state={self.state}"],
                              env=os.environ | {"XDG_CONFIG_HOME": self.base},
                              capture_output=True, check=False, timeout=60)
        return done.returncode, (done.stdout + done.stderr).decode()

    def test_rights_are_repaired(self):
        os.mkdir(self.state)
        os.chmod(self.state, 0o777)
        self.said(status=0)
        self.assertEqual(os.stat(self.state).st_mode & 0o777, 0o700)
        mountfix.run("fusermount3", "-u", self.root)

    def test_a_link_of_our_own(self):
        real = os.path.join(self.base, "elsewhere")
        os.mkdir(real, 0o700)
        os.symlink(real, self.state)
        self.said(status=0)
        self.assertEqual(mountfix.load(os.path.join(
            self.root, ".promptfs/config.json"))["state"], real)
        # Commands find the mount by either name.
        self.assertEqual(self.command("status")[0], 0)
        mountfix.run("fusermount3", "-u", self.root)

    def test_a_store_with_a_second_name(self):
        os.mkdir(self.state, 0o700)
        store = os.path.join(self.state, "store.mdb")
        with open(store, "wb"):
            pass
        os.link(store, os.path.join(self.base, "second"))
        self.assertIn("has another name elsewhere", self.said())
        self.assertIn("has another name elsewhere", self.command("verify")[1])
        os.unlink(store)
        os.symlink("/etc/hostname", store)
        self.assertIn("not a file of its own", self.said())

    @unittest.skipIf(os.geteuid(), "only root can make files of another user")
    def test_of_somebody_else(self):
        os.mkdir(self.state, 0o755)
        os.chown(self.state, NOBODY, NOBODY)
        self.assertIn("belongs to another user", self.said())
        self.assertEqual(self.command("status")[0], 1)
        self.assertEqual(os.stat(self.state).st_mode & 0o777, 0o755)
        os.rmdir(self.state)
        os.symlink(self.root, self.state)
        os.chown(self.state, NOBODY, NOBODY, follow_symlinks=False)
        self.assertIn("symbolic link of another user", self.said())

    def test_settings_that_cannot_be_right(self):
        for options, why in (
                (",backend=vertx", 'backend "vertx" is unknown'),
                (",backend=vertex,endpoint=localhost", "endpoint must begin with"),
                (",backend=vertex,budget=5/week", '"week" is not day, month or total'),
                (",backend=openai,budget=", "budget needs an amount"),
                (",spenders=no-such-user", 'no user "no-such-user"'),
                (",buget=5", 'did you mean "budget"?')):
            with self.subTest(options):
                self.assertIn(why, self.said(options, status=2))


if __name__ == "__main__":
    mountfix.main()

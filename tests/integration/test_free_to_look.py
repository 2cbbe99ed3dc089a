# SPDX-License-Identifier: MIT
"""Looking is free: whatever walks, stats, lists or reads the whole mount generates
nothing."""
import errno
import os
import shutil
import tempfile

import mountfix
from mountfix import read, run


class FreeToLook(mountfix.MountCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = [cls.mount.generate()[0] for _ in range(3)]
        read(cls.mount.path("prompts/a walled garden/imagen-3/aspect=16:9/2.png"))
        cls.before = cls.mount.requests()

    def tearDown(self):
        self.assertEqual(self.mount.requests(), self.before, "this made a picture")
        self.assertEqual(self.mount.control("status.json")["jobs"], [])

    def need(self, program):
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")

    def test_find(self):
        got = run("find", self.mount.root, "-type", "f").stdout.decode().splitlines()
        self.assertEqual(sorted(p for p in got if p.endswith(".png")),
                         sorted(self.made + [self.mount.path(
                             "prompts/a walled garden/imagen-3/aspect=16:9/2.png")]))

    def test_find_with_every_test(self):
        run("find", self.mount.root, "-newer", "/etc/passwd", "-size", "+1k", "-readable",
            "-ls")

    def test_grep(self):
        done = run("grep", "-r", "no such words anywhere", self.mount.root, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_ls(self):
        run("ls", "-lR", self.mount.root)
        run("ls", "-laRiZ", self.mount.root)

    def test_du(self):
        run("du", "-a", self.mount.root)
        run("du", "-ab", "--inodes", self.mount.root)

    def test_tar(self):
        done = run("tar", "-cf", "-", "-C", self.mount.root, ".")
        self.assertGreater(len(done.stdout), sum(len(read(p)) for p in self.made))

    def test_rsync(self):
        self.need("rsync")
        with tempfile.TemporaryDirectory() as out:
            run("rsync", "-a", self.mount.root + "/", out)

    def test_updatedb(self):
        self.need("updatedb")
        with tempfile.TemporaryDirectory() as out:
            database = os.path.join(out, "db")
            run("updatedb", "--require-visibility", "0", "--output", database,
                "--database-root", self.mount.root, "--prunefs", "", "--prunepaths", "",
                "--prune-bind-mounts", "no")
            found = run("locate", "-d", database, "1.png").stdout.decode().splitlines()
        self.assertEqual(sorted(found), sorted(self.made))

    def test_zip_of_everything(self):
        with tempfile.TemporaryDirectory() as out:
            shutil.make_archive(os.path.join(out, "all"), "zip", self.mount.root)

    def test_attributes_of_everything(self):
        for where, dirs, files in os.walk(self.mount.root):
            for name in dirs + files:
                path = os.path.join(where, name)
                for key in os.listxattr(path):
                    os.getxattr(path, key)

    def test_what_is_not_there_yet(self):
        for n in range(20):
            path = self.mount.path("prompts", f"never made {n}", "imagen-3", "1.png")
            os.stat(path)
            for beside in (".cost", ".quality", ".json", ".error"):
                read(path + beside)
            os.readlink(path.replace("imagen-3", "auto"))
            os.listdir(os.path.dirname(path))
            os.access(path, os.R_OK)
            os.close(os.open(path, os.O_PATH))

    def test_virtual_files(self):
        control = self.mount.path(".promptfs")
        for name in os.listdir(control):
            read(os.path.join(control, name))
        for place in ("", "prompts", "prompts/never made", "videos", "models"):
            for name in (".cost", ".quality"):
                read(self.mount.path(place, name))

    def test_statfs(self):
        run("df", self.mount.root)

    def test_opening_for_writing(self):
        path = self.mount.fresh("never written")
        with self.assertRaises(OSError):
            os.open(path, os.O_WRONLY)
        with self.assertRaises(OSError):
            os.open(path, os.O_RDWR)
        with self.assertRaises(OSError):
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def test_opening_directories(self):
        path = os.path.dirname(self.mount.fresh("never listed"))
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        self.assertErrno(errno.EISDIR, open, path, "rb")


class Listings(mountfix.MountCase):
    def test_only_what_exists(self):
        path = self.mount.fresh("a small island")
        prompt = os.path.dirname(os.path.dirname(path))
        os.stat(path)
        self.assertNotIn(os.path.basename(prompt), os.listdir(self.mount.path("prompts")))
        self.assertEqual(os.listdir(self.mount.path("videos")), [])
        read(path)
        self.assertIn(os.path.basename(prompt), os.listdir(self.mount.path("prompts")))
        self.assertEqual(os.listdir(prompt), ["imagen-2"])
        self.assertEqual(os.listdir(os.path.dirname(path)), ["1.png"])
        os.unlink(path)
        self.assertEqual(os.listdir(os.path.dirname(path)), [])

    def test_the_root(self):
        names = set(os.listdir(self.mount.root))
        self.assertLessEqual({"README.txt", "prompts", "videos", "inputs", "models"}, names)
        self.assertLessEqual({".cost", ".quality"}, names)

    def test_inode_numbers_agree(self):
        path, _ = self.mount.generate()
        for where in (os.path.dirname(path), os.path.dirname(os.path.dirname(path)),
                      self.mount.path("prompts"), self.mount.root):
            with os.scandir(where) as entries:
                for e in entries:
                    self.assertEqual(e.inode(), os.lstat(e.path).st_ino, e.path)


if __name__ == "__main__":
    mountfix.main()

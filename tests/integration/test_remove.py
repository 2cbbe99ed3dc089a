# SPDX-License-Identifier: MIT
"""rm makes the next open a new draw and loses nothing; open descriptors keep the old."""
import errno
import os
import subprocess

import mountfix
from mountfix import read


class Remove(mountfix.MountCase):
    def test_a_new_draw(self):
        path, first = self.mount.generate()
        inode = os.stat(path).st_ino
        os.unlink(path)
        after = os.stat(path)
        self.assertNotEqual(after.st_ino, inode)
        self.assertEqual(after.st_blocks, 0)
        second = read(path)
        self.assertNotEqual(second, first)
        self.assertEqual(os.stat(path).st_ino, after.st_ino)

    def test_history(self):
        path, first = self.mount.generate()
        history = os.path.join(os.path.dirname(path), ".history")
        os.unlink(path)
        self.assertEqual(os.listdir(history), ["1.png~1"])
        self.assertEqual(read(os.path.join(history, "1.png~1")), first)
        second = read(path)
        os.unlink(path)
        self.assertEqual(sorted(os.listdir(history)), ["1.png~1", "1.png~2"])
        self.assertEqual(read(os.path.join(history, "1.png~2")), second)
        self.assertEqual(read(os.path.join(history, "1.png~1")), first)
        self.assertNotIn(".history", os.listdir(os.path.dirname(path)))
        with self.assertRaises(OSError):
            os.unlink(os.path.join(history, "1.png~1"))

    def test_open_descriptors_keep_the_old_bytes(self):
        path, first = self.mount.generate()
        with open(path, "rb") as old:
            os.unlink(path)
            self.assertEqual(old.read(100), first[:100])
            second = read(path)
            self.assertEqual(old.read(), first[100:])
            os.posix_fadvise(old.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            self.assertEqual(os.pread(old.fileno(), len(first), 0), first)
        self.assertNotEqual(first, second)

    def test_attributes_of_what_was_removed(self):
        """An open descriptor is never told another draw's attributes."""
        path, _ = self.mount.generate()
        with open(path, "rb") as old:
            os.unlink(path)
            self.assertErrno(errno.ENODATA, os.getxattr, old.fileno(),
                             "user.promptfs.state")
            read(path)
            self.assertErrno(errno.ENODATA, os.getxattr, old.fileno(),
                             "user.promptfs.sha256")
            self.assertTrue(os.getxattr(path, "user.promptfs.sha256"))

    def test_right_after_the_open(self):
        """Once the opener has its file no job runs any more, so rm is never told EBUSY."""
        for _ in range(20):
            path = self.mount.fresh(model="imagen-2/aspect=16:9", name="1.jpg")
            os.close(os.open(path, os.O_RDONLY))
            os.unlink(path)

    def test_never_made(self):
        self.assertErrno(errno.ENOENT, os.unlink, self.mount.fresh())

    def test_through_another_spelling(self):
        one = self.mount.path("prompts/a stone arch/imagen-3/aspect=4:3/style=anime/1.png")
        two = self.mount.path("prompts/a stone arch/imagen-3/style=anime/aspect=4x3/1.png")
        first = read(one)
        self.assertEqual(read(two), first)
        os.unlink(two)
        self.assertEqual(os.stat(one).st_blocks, 0)
        self.assertNotEqual(read(one), first)

    def test_a_refusal_is_cleared(self):
        path = self.mount.path("prompts/an illegal street race/imagen-2/1.png")
        self.assertErrno(errno.EPERM, open, path, "rb")
        os.unlink(path)
        self.assertErrno(errno.EPERM, open, path, "rb")

    def test_directories_stay(self):
        path, _ = self.mount.generate()
        for where in (os.path.dirname(path), os.path.dirname(os.path.dirname(path)),
                      self.mount.path("prompts")):
            with self.assertRaises(OSError):
                os.rmdir(where)
        read(path)

    def test_sidecars_stay(self):
        path, _ = self.mount.generate()
        for beside in (".cost", ".quality", ".json"):
            with self.assertRaises(OSError):
                os.unlink(path + beside)

    def test_survives_a_remount(self):
        path, first = self.mount.generate()
        kept, kept_data = self.mount.generate()
        os.unlink(path)
        numbers = os.stat(path).st_ino, os.stat(kept).st_ino
        self.assertEqual(self.mount.stop(), 0)
        self.mount.start()
        self.assertEqual((os.stat(path).st_ino, os.stat(kept).st_ino), numbers)
        history = os.path.join(os.path.dirname(path), ".history/1.png~1")
        self.assertEqual(read(history), first)
        self.assertGreater(os.stat(kept).st_blocks, 0)
        self.assertEqual(read(kept), kept_data)


class WhileItRuns(mountfix.MountCase):
    options = ("latency=1500",)

    def test_busy(self):
        path = self.mount.fresh()
        reader = subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL)
        mountfix.wait_parked(reader)
        self.assertErrno(errno.EBUSY, os.unlink, path)
        self.assertEqual(reader.wait(60 * mountfix.SLOW), 0)
        os.unlink(path)


if __name__ == "__main__":
    mountfix.main()

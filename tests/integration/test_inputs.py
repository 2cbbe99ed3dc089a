# SPDX-License-Identifier: MIT
"""/inputs is an ordinary writable directory, within limits."""
import ctypes
import errno
import os
import shutil
import tempfile
import threading

import mountfix
from mountfix import read, run

LIMIT = 64 << 20


class Inputs(mountfix.MountCase):
    def setUp(self):
        for name in os.listdir(self.mount.path("inputs")):
            os.unlink(self.mount.path("inputs", name))
        self.name = self.mount.path("inputs/photo.png")

    def write(self, data, name=None, mode="wb"):
        with open(name or self.name, mode) as f:
            f.write(data)

    def test_cp(self):
        with tempfile.NamedTemporaryFile() as f:
            f.write(os.urandom(3_000_000))
            f.flush()
            run("cp", f.name, self.name)
            run("cmp", f.name, self.name)
        self.assertEqual(os.listdir(self.mount.path("inputs")), ["photo.png"])

    def test_cp_preserving(self):
        run("cp", "-p", "/etc/passwd", self.mount.path("inputs/people.txt"))
        run("cmp", "/etc/passwd", self.mount.path("inputs/people.txt"))

    def test_rsync(self):
        if not shutil.which("rsync"):
            self.skipTest("rsync is not installed")
        with tempfile.TemporaryDirectory() as src:
            for n in range(5):
                self.write(os.urandom(10_000 * n), os.path.join(src, f"{n}.png"))
            run("rsync", "-rt", src + "/", self.mount.path("inputs/"))
            for n in range(5):
                self.assertEqual(read(self.mount.path("inputs", f"{n}.png")),
                                 read(os.path.join(src, f"{n}.png")))

    def test_tar(self):
        with tempfile.TemporaryDirectory() as src:
            self.write(b"hello", os.path.join(src, "note.txt"))
            run("sh", "-c", 'tar -cf - -C "$1" note.txt | tar -xf - -C "$2"', "sh", src,
                self.mount.path("inputs"))
        self.assertEqual(read(self.mount.path("inputs/note.txt")), b"hello")

    def test_shell(self):
        note = self.mount.path("inputs/note.txt")
        run("sh", "-c", 'echo one > "$1"; echo two >> "$1"; echo three >> "$1"', "sh", note)
        self.assertEqual(read(note), b"one\ntwo\nthree\n")

    def test_write_in_place(self):
        self.write(b"0123456789")
        with open(self.name, "r+b") as f:
            f.seek(4)
            f.write(b"xx")
            f.seek(12)
            f.write(b"end")
        self.assertEqual(read(self.name), b"0123xx6789\0\0end")

    def test_truncate(self):
        self.write(b"0123456789")
        os.truncate(self.name, 4)
        self.assertEqual(read(self.name), b"0123")
        os.truncate(self.name, 6)
        self.assertEqual(read(self.name), b"0123\0\0")
        with open(self.name, "r+b") as f:
            f.truncate(2)
            self.assertEqual(os.fstat(f.fileno()).st_size, 2)
        self.assertEqual(read(self.name), b"01")

    def test_overwrite(self):
        self.write(b"first and longer")
        self.write(b"second")
        self.assertEqual(read(self.name), b"second")

    def test_read_back_while_writing(self):
        with open(self.name, "w+b", buffering=0) as f:
            f.write(b"abc")
            f.seek(0)
            self.assertEqual(f.read(), b"abc")
            os.fsync(f.fileno())
            self.assertEqual(read(self.name), b"abc")

    def test_rename(self):
        other = self.mount.path("inputs/other.png")
        self.write(b"one")
        os.rename(self.name, other)
        self.assertEqual(os.listdir(self.mount.path("inputs")), ["other.png"])
        self.write(b"two")
        os.rename(self.name, other)
        self.assertEqual(read(other), b"two")
        self.assertErrno(errno.ENOENT, os.stat, self.name)
        self.assertErrno(errno.ENOENT, os.rename, self.name, other)

    def test_renamed_while_open(self):
        """The file keeps its identity: what is written after the rename is in it."""
        other = self.mount.path("inputs/other.png")
        with open(self.name, "wb", buffering=0) as f:
            f.write(b"one")
            inode = os.stat(self.name).st_ino
            os.rename(self.name, other)
            self.assertEqual(os.stat(other).st_ino, inode)
            f.write(b"two")
        self.assertEqual(read(other), b"onetwo")
        with os.scandir(self.mount.path("inputs")) as entries:
            self.assertEqual([(e.name, e.inode()) for e in entries], [("other.png", inode)])
        self.write(b"new")
        self.assertNotEqual(os.stat(self.name).st_ino, inode)

    def test_renamed_while_saved(self):
        """However a save meets a rename, the file has one name."""
        names = [self.name, self.mount.path("inputs/other.png")]
        stop = threading.Event()

        def save(f):
            while not stop.is_set():
                f.write(b"x")
                os.close(os.dup(f.fileno()))  # each close saves

        with open(self.name, "wb", buffering=0) as f:
            saver = threading.Thread(target=save, args=(f,))
            saver.start()
            for i in range(300):
                os.rename(names[i % 2], names[1 - i % 2])
            stop.set()
            saver.join()
            size = f.tell()
        self.assertEqual(os.listdir(self.mount.path("inputs")), ["photo.png"])
        self.assertEqual(os.stat(self.name).st_size, size)

    def test_atomic_replace(self):
        """The way editors save: a new file beside the old, then rename."""
        self.write(b"old")
        with open(self.name, "rb") as old:
            self.write(b"new", self.name + ".tmp")
            os.replace(self.name + ".tmp", self.name)
            self.assertEqual(read(self.name), b"new")
            self.assertEqual(old.read(), b"old")

    def test_rewinddir(self):
        """A directory read again from its start shows what is there now."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
        for fn in (libc.readdir, libc.rewinddir, libc.closedir):
            fn.argtypes = [ctypes.c_void_p]
        handle = libc.opendir(os.fsencode(os.path.dirname(self.name)))
        counts = []
        for name in ("a.png", "b.png"):
            libc.rewinddir(handle)
            counts.append(0)
            while libc.readdir(handle):
                counts[-1] += 1
            self.write(b"x", self.mount.path("inputs", name))
        libc.closedir(handle)
        self.assertEqual(counts, [2, 3])

    def test_remove(self):
        self.write(b"one")
        os.unlink(self.name)
        self.assertErrno(errno.ENOENT, os.stat, self.name)
        self.assertErrno(errno.ENOENT, os.unlink, self.name)
        self.assertEqual(os.listdir(self.mount.path("inputs")), [])

    def test_times(self):
        self.write(b"one")
        os.utime(self.name, (1_000_000_000, 1_000_000_000))
        self.assertEqual(os.stat(self.name).st_mtime, 1_000_000_000)

    def test_strange_times(self):
        self.write(b"one")
        for ns, kept in ((-1_500_000_000, -1_500_000_000), ((1 << 62), 1 << 62)):
            os.utime(self.name, ns=(ns, ns))
            self.assertEqual(os.stat(self.name).st_mtime_ns // 1_000_000, kept // 1_000_000)
        run("touch", "-d", f"@{1 << 60}", self.name)
        self.assertGreater(os.stat(self.name).st_mtime, 1 << 49)

    def test_exclusive_creation(self):
        self.write(b"one", mode="xb")
        self.assertErrno(errno.EEXIST, open, self.name, "xb")

    def test_limit(self):
        with open(self.name, "wb", buffering=0) as f:
            f.seek(LIMIT - 1)
            f.write(b"x")
            with self.assertRaises(OSError) as caught:
                f.write(b"x")
        self.assertIn(caught.exception.errno, (errno.EFBIG, errno.ENOSPC))
        self.assertEqual(os.stat(self.name).st_size, LIMIT)

    def test_bad_names(self):
        for name in ("0123456789abcdef.txt", "0123456789ABCDEF.txt", "0123456789abcdef"):
            with self.subTest(name):
                with self.assertRaises(OSError):
                    self.write(b"x", self.mount.path("inputs", name))
        with self.assertRaises(OSError):
            self.write(b"x", self.mount.path("inputs", "n" * 256))
        self.write(b"x")
        for name in (".cost", ".quality"):
            self.assertErrno(errno.EINVAL, os.rename, self.name,
                             self.mount.path("inputs", name))
        with self.assertRaises(OSError):
            os.mkdir(self.mount.path("inputs/folder"))
        with self.assertRaises(OSError):
            os.rename(self.mount.path("inputs"), self.mount.path("outputs"))

    def test_survives_a_remount(self):
        data = os.urandom(2_500_000)
        self.write(data)
        os.utime(self.name, (1_500_000_000, 1_500_000_000))
        inode = os.stat(self.name).st_ino
        self.assertEqual(self.mount.stop(), 0)
        self.mount.start()
        self.assertEqual(read(self.name), data)
        after = os.stat(self.name)
        self.assertEqual((after.st_ino, after.st_mtime), (inode, 1_500_000_000))


if __name__ == "__main__":
    mountfix.main()

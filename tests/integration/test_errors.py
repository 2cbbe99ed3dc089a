# SPDX-License-Identifier: MIT
"""Bad input gets the errno of section 4 and a sentence; nothing can be written where
nothing should be; what is not made yet looks as the contract says."""
import errno
import os
import stat

import mountfix
from mountfix import load, read, text

MIB64 = 64 << 20


class Errors(mountfix.MountCase):
    def refused(self, number, *parts):
        """The open fails, lookup and stat do not; the sentence."""
        path = self.mount.path(*parts)
        os.stat(path)
        self.assertErrno(number, open, path, "rb")
        sentence = text(path + ".error")
        self.assertGreater(len(sentence), 20)
        self.assertTrue(sentence.endswith("\n"))
        os.stat(path)
        return sentence

    def test_short_prompt(self):
        self.assertIn("5", self.refused(errno.EINVAL, "prompts/fox/imagen-3/1.png"))

    def test_long_prompt(self):
        self.assertIn("1,000", self.refused(
            errno.EINVAL, "prompts", "y" * 1001, "imagen-3/1.png").replace("1000", "1,000"))

    def test_duration(self):
        self.refused(errno.EINVAL, "videos/a slow river/veo-2/99999s.mp4")

    def test_blocked_words(self):
        for prompt in ("two weapons on a wall", "Scenes of VIOLENCE in a town"):
            with self.subTest(prompt):
                sentence = self.refused(errno.EPERM, "prompts", prompt, "imagen-2/1.png")
                self.assertIn("blocked word", sentence)
        self.refused(errno.EPERM, "videos/a drug store at night/veo-2/4s.mp4")

    def test_words_that_only_look_blocked(self):
        for prompt in ("a chateau on a hill", "whatever the weather"):
            read(self.mount.path("prompts", prompt, "imagen-2/1.png"))

    def test_text_models(self):
        path = self.mount.path("prompts/a poem about rain/gemini-pro/1.txt")
        os.stat(path)
        self.refused(errno.EOPNOTSUPP, "prompts/a poem about rain/gemini-pro/1.txt")

    def test_failures_are_counted_and_logged(self):
        self.refused(errno.EINVAL, "prompts/ox/imagen-3/1.png")
        self.assertIn("/prompts/ox/imagen-3/1.png",
                      text(self.mount.path(".promptfs/errors.log")))

    def test_no_error_without_failure(self):
        path = self.mount.fresh()
        try:
            self.assertEqual(read(path + ".error"), b"")
        except FileNotFoundError:
            pass
        read(path)

    def test_placeholder(self):
        for path in (self.mount.fresh(), self.mount.fresh(name="1.jpg"),
                     self.mount.fresh(model="veo-2", name="8s.mp4", tree="videos")):
            st = os.stat(path)
            self.assertTrue(stat.S_ISREG(st.st_mode))
            self.assertEqual(st.st_blocks, 0)
            self.assertTrue(MIB64 <= st.st_size < 2 << 30)
        path = self.mount.fresh("never made")
        self.assertEqual(os.stat(path).st_size, MIB64)
        self.assertEqual(os.listdir(os.path.dirname(path)), [])
        self.assertEqual([n for n in os.listdir(self.mount.path("prompts"))
                          if n.startswith("never made")], [])

    def test_modes(self):
        path, _ = self.mount.generate()
        for p in (path, self.mount.fresh()):
            self.assertEqual(stat.S_IMODE(os.stat(p).st_mode), 0o444)
        self.assertEqual(stat.S_IMODE(os.stat(self.mount.path("prompts")).st_mode), 0o555)
        self.assertEqual(stat.S_IMODE(os.stat(self.mount.root).st_mode), 0o555)
        self.assertEqual(stat.S_IMODE(os.stat(self.mount.path("inputs")).st_mode), 0o755)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o755)
        for p in (path, self.mount.root, self.mount.path("inputs")):
            self.assertEqual((os.stat(p).st_uid, os.stat(p).st_gid),
                             (os.getuid(), os.getgid()))

    def test_statfs(self):
        got, below = os.statvfs(self.mount.root), os.statvfs(self.mount.base)
        self.assertEqual(got.f_namemax, 255)
        self.assertEqual(got.f_blocks * got.f_frsize, below.f_blocks * below.f_frsize)


class Writing(mountfix.MountCase):
    ALLOWED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.EXDEV,
               errno.EISDIR, errno.ENOTSUP, errno.ENOTEMPTY, errno.EBUSY, errno.ENOTDIR,
               errno.EINVAL}

    def assertRefused(self, call, *args):
        with self.assertRaises(OSError) as caught:
            call(*args)
        self.assertIn(caught.exception.errno, self.ALLOWED, caught.exception)

    def test_everywhere_else(self):
        path, data = self.mount.generate()
        where = os.path.dirname(path)
        for target in (path, self.mount.fresh(), path + ".cost", self.mount.path("README.txt"),
                       self.mount.path("models/imagen-3.json"),
                       self.mount.path(".promptfs/status.json")):
            with self.subTest(target):
                self.assertRefused(os.open, target, os.O_WRONLY)
                self.assertRefused(os.open, target, os.O_RDWR)
                self.assertRefused(os.truncate, target, 0)
        for call, args in ((os.rename, (path, os.path.join(where, "5.png"))),
                           (os.rename, (path, self.mount.path("inputs/x.png"))),
                           (os.link, (path, os.path.join(where, "5.png"))),
                           (os.symlink, ("x", os.path.join(where, "5.png"))),
                           (os.mkfifo, (os.path.join(where, "6.png"),)),
                           (os.chmod, (path, 0o777)),
                           (os.unlink, (self.mount.path("README.txt"),)),
                           (os.rmdir, (self.mount.path("inputs"),)),
                           (os.rmdir, (self.mount.path("prompts"),)),
                           (os.unlink, (self.mount.path("models/imagen-3.json"),))):
            with self.subTest((call.__name__, args)):
                self.assertRefused(call, *args)
        self.assertEqual(read(path), data)

    def test_creating(self):
        for where in ("", "prompts", "videos", "models", ".promptfs"):
            with self.subTest(where):
                with self.assertRaises(OSError):
                    os.close(os.open(self.mount.path(where, "new file.txt"),
                                     os.O_WRONLY | os.O_CREAT))
                with self.assertRaises(OSError):
                    os.mkdir(self.mount.path(where, "new folder"))


class Configuration(mountfix.MountCase):
    options = ("blocked_words=teapot+kettle", "enhance")

    def test_blocked_words(self):
        self.assertErrno(errno.EPERM, open,
                         self.mount.path("prompts/a copper teapot/imagen-2/1.png"), "rb")
        read(self.mount.path("prompts/a weapon in a museum/imagen-2/1.png"))

    def test_config_is_shown(self):
        config = self.mount.control("config.json")
        self.assertEqual(config["blocked_words"], ["teapot", "kettle"])

    def test_enhance(self):
        path = self.mount.path("prompts/a copper bowl/imagen-2/1.png")
        read(path)
        self.assertIn("a copper bowl, high quality, detailed, sharp focus",
                      str(load(path + ".json")))


class DeniedPrograms(mountfix.MountCase):
    options = ("deny_programs=head+dd",)

    def test_denied(self):
        path = self.mount.fresh()
        done = mountfix.run("head", "-c", "10", path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Permission denied", done.stderr)
        self.assertIn("head", text(path + ".error"))
        data = read(path)
        self.assertEqual(mountfix.run("head", "-c", "10", path).stdout, data[:10])


if __name__ == "__main__":
    mountfix.main()

# SPDX-License-Identifier: MIT
"""Whoever Google's and OpenAI's own tools would be, we are; a token that expires is
renewed once; what is refused is EACCES; and no secret is ever written anywhere."""
import errno
import json
import os
import stat
import sys
import time
import unittest

import cloudfix
import mountfix
import paidfix
from mountfix import errname, load, read, text
from paidfix import PaidMount, at_once, outcome

PRICE = 40000
# As on a machine where nobody ever logged in.
NOBODY = {"GOOGLE_APPLICATION_CREDENTIALS": None, "GCE_METADATA_HOST": None,
          "NO_GCE_CHECK": "true", "GOOGLE_API_KEY": None, "OPENAI_API_KEY": None}
TOKEN = """#!{python}
import json, urllib.request as r
call = r.Request("{url}/computeMetadata/v1/instance/service-accounts/default/token",
                 headers={{"Metadata-Flavor": "Google"}})
print(json.load(r.urlopen(call))["access_token"])
"""


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(paidfix.Cloud("--today", paidfix.THEN))

    @classmethod
    def tearDownClass(cls):
        leaked = cls.cloud.counters()["leaked_credentials"]
        assert leaked == 0, "a secret went where none belongs"

    def setUp(self):
        self.cloud.control("tokens", {"ttl": 3599})
        self.cloud.fresh_start()

    def mounted(self, *options, **more):
        mount = PaidMount(self.cloud, "budget=100/day", "fallback=off", "log_level=debug",
                          *options, start=False, **more)
        self.addCleanup(mount.close)
        self.addCleanup(self.assertNothingTold, mount)
        return mount

    def key(self, name):
        return os.path.join(self.cloud.keys, name)

    def assertNothingTold(self, mount):
        """No secret in anything that the tree shows."""
        if mount.process.poll() is not None:
            return
        names = [mount.path(".promptfs", n) for n in os.listdir(mount.path(".promptfs"))]
        names += [mount.path(n) for n in (".cost", "README.txt")]
        for model in ("imagen-3", "gpt-image-1"):
            for n in (1, 2):
                path = mount.path("prompts", f"a quiet harbour, number {n}", model, "1.png")
                names += [f"{path}.{side}" for side in ("cost", "json", "error")]
        secrets = self.cloud.secrets()
        for name in names:
            try:
                said = text(name)
            except OSError:
                continue
            self.assertEqual([s for s in secrets if s in said], [], name)

    def tokens(self):
        return self.cloud.counters()["tokens"]

    def test_service_account(self):
        mount = self.mounted().start()
        read(mount.fresh(model="imagen-3"))
        self.assertEqual(self.tokens(), {"jwt": 1, "refresh": 0, "metadata": 0})

    def test_self_signed(self):
        """No token server is asked."""
        mount = self.mounted("self_signed=on").start()
        read(mount.fresh(model="imagen-3"))
        self.assertEqual(sum(self.tokens().values()), 0)
        self.cloud.control("tokens", {"expire": True})
        read(mount.fresh(model="imagen-3"))

    def test_authorized_user(self):
        mount = self.mounted(f"credentials={self.key('authorized-user.json')}").start()
        read(mount.fresh(model="imagen-3"))
        self.assertEqual(self.tokens(), {"jwt": 0, "refresh": 1, "metadata": 0})

    def test_well_known_file(self):
        """gcloud auth application-default login is all that is needed."""
        home = os.path.join(self.cloud.temp, "home")
        gcloud = os.path.join(home, ".config", "gcloud")
        os.makedirs(gcloud, exist_ok=True)
        with open(self.key("authorized-user.json"), "rb") as a, open(
                os.path.join(gcloud, "application_default_credentials.json"), "wb") as b:
            b.write(a.read())
        mount = self.mounted(env=NOBODY | {"HOME": home, "CLOUDSDK_CONFIG": None}).start()
        read(mount.fresh(model="imagen-3"))
        self.assertEqual(self.tokens(), {"jwt": 0, "refresh": 1, "metadata": 0})

    def test_metadata_server(self):
        mount = self.mounted(env={"GOOGLE_APPLICATION_CREDENTIALS": None,
                                  "HOME": self.cloud.temp}).start()
        read(mount.fresh(model="imagen-3"))
        self.assertEqual(self.tokens(), {"jwt": 0, "refresh": 0, "metadata": 1})

    def command_mount(self, script):
        mount = self.mounted(env=NOBODY | {"HOME": self.cloud.temp})
        name = os.path.join(mount.base, "token")
        with open(name, "w", encoding="utf-8") as f:
            f.write(script)
        os.chmod(name, stat.S_IRWXU)
        config = os.path.join(mount.base, "config", "promptfs")
        os.makedirs(config)
        with open(os.path.join(config, "config.json"), "w", encoding="utf-8") as f:
            json.dump({"token_command": name}, f)
        return mount.start()

    def test_token_command(self):
        """Renewed by running it again."""
        mount = self.command_mount(TOKEN.format(python=sys.executable, url=self.cloud.url))
        read(mount.fresh(model="imagen-3"))
        self.cloud.control("tokens", {"expire": True})
        read(mount.fresh(model="imagen-3"))
        self.assertEqual(self.tokens()["metadata"], 2)
        self.assertEqual(self.cloud.counters()["billed_udollars"], 2 * PRICE)

    def test_token_command_fails(self):
        mount = self.command_mount("#!/bin/sh\necho not today >&2\nexit 3\n")
        path = mount.fresh(model="imagen-3")
        self.assertEqual(errname(outcome(path)[0]), "EACCES")
        self.assertGreater(len(text(path + ".error")), 20)

    def refused(self, words, *options, **more):
        """An open without the right to it: EACCES, the words, nothing accepted or held."""
        mount = self.mounted(*options, **more).start()
        model = "gpt-image-1" if more.get("backend") == "openai" else "imagen-3"
        path = mount.fresh(model=model)
        self.assertEqual(errname(outcome(path)[0]), "EACCES")
        sentence = text(path + ".error")
        self.assertIn(words, sentence)
        counters = self.cloud.counters()
        self.assertEqual(counters["billed_udollars"], 0)
        time.sleep(mountfix.SNAPSHOT_S)
        cost = load(mount.path(".cost"))
        self.assertEqual((cost["spent_usd"], cost["reserved_usd"]), (0, 0))
        self.assertLessEqual(sum(m["calls"] for m in counters["methods"].values()), 6)
        return mount

    def test_unknown_key(self):
        key = self.key("service-account-unknown-key.json")
        self.refused("is the key deleted", f"credentials={key}")

    def test_unknown_key_self_signed(self):
        self.refused("refused the credentials", "self_signed=on",
                     f"credentials={self.key('service-account-unknown-key.json')}")

    def test_revoked_user(self):
        self.refused("login", f"credentials={self.key('authorized-user-revoked.json')}")

    def test_no_credentials(self):
        """What is missing is said; what is stored is served; nothing is asked."""
        mount = self.mounted().start()
        path, data = mount.generate(model="imagen-3")
        mount.stop()
        self.cloud.reset()
        mount.more_env = NOBODY | {"HOME": self.cloud.temp}
        mount.start()
        self.assertEqual(read(path), data)
        other = mount.fresh(model="imagen-3")
        self.assertEqual(errname(outcome(other)[0]), "EACCES")
        self.assertIn("gcloud auth application-default login", text(other + ".error"))
        self.assertEqual(self.cloud.counters()["methods"], {})

    def test_no_project(self):
        """authorized_user names none."""
        mount = self.mounted(f"credentials={self.key('authorized-user.json')}",
                             env={"GOOGLE_CLOUD_PROJECT": None}).start()
        path = mount.fresh(model="imagen-3")
        error, _ = outcome(path)
        if error:  # the quota project may stand in for it
            self.assertEqual(errname(error), "EACCES")
            self.assertIn("project", text(path + ".error"))

    def test_wrong_project(self):
        self.refused("denies access", "project=somebody-elses")

    def test_api_key(self):
        mount = self.mounted(backend="gemini").start()
        read(mount.fresh(model="imagen-3"))
        self.assertEqual(sum(self.tokens().values()), 0)

    def test_wrong_api_key(self):
        self.refused("API key", backend="gemini", env={"GOOGLE_API_KEY": "not-this-one"})

    def test_no_api_key(self):
        self.refused("GOOGLE_API_KEY", backend="gemini", env=NOBODY)

    def test_openai_key(self):
        mount = self.mounted(backend="openai", catalogue=paidfix.OPENAI).start()
        read(mount.fresh(model="gpt-image-1"))

    def test_wrong_openai_key(self):
        self.refused("credentials", backend="openai", catalogue=paidfix.OPENAI,
                     env={"OPENAI_API_KEY": "sk-not-this-one"})

    def test_no_openai_key(self):
        """A server of one's own may want none; this one does, and says so."""
        self.refused("credentials", backend="openai", catalogue=paidfix.OPENAI, env=NOBODY)

    def test_expired_at_once_by_many(self):
        """30 calls meet a token that is dead: it is renewed once, and each is paid once."""
        mount = self.mounted("max_concurrent=30").start()
        read(mount.fresh(model="imagen-3"))
        self.cloud.control("tokens", {"expire": True})
        self.cloud.config(latency_ms=100)
        got = at_once(outcome, [mount.fresh(model="imagen-3") for _ in range(30)])
        self.assertEqual({e for e, _ in got}, {0})
        self.assertEqual(self.tokens()["jwt"], 2)
        counters = self.cloud.counters()
        self.assertEqual(counters["billed_udollars"], 31 * PRICE)
        self.assertLessEqual(counters["methods"]["predict"]["refused"].get("401", 0), 30)

    def test_runs_out(self):
        """A token that is about to end is replaced before anything is sent with it."""
        self.cloud.control("tokens", {"ttl": 1})
        mount = self.mounted().start()
        for _ in range(3):
            read(mount.fresh(model="imagen-3"))
            time.sleep(0.6)
        counters = self.cloud.counters()
        self.assertEqual(counters["methods"]["predict"]["refused"], {})
        self.assertGreaterEqual(counters["tokens"]["jwt"], 2)

    def test_expires_while_polling(self):
        """The token dies between start and end of a video: renewed, paid once."""
        self.cloud.config(operation_seconds=1)
        mount = self.mounted().start()
        path = mount.path("videos/a river at dusk/veo-3.1-lite/res=720p/4s.mp4")
        job = paidfix.concurrent.futures.ThreadPoolExecutor(1).submit(outcome, path)
        self.cloud.wait_for(lambda c: c["operations"]["started"] == 1)
        self.cloud.control("tokens", {"expire": True})
        self.assertEqual(job.result(30 * mountfix.SLOW)[0], 0)
        self.assertEqual(self.tokens()["jwt"], 2)
        self.assertEqual(self.cloud.counters()["billed_udollars"], 200000)

    def test_token_server_fails(self):
        """Nothing was sent: tried again, and then said."""
        mount = self.mounted().start()
        self.cloud.fault("503", method="token", times=1)
        read(mount.fresh(model="imagen-3"))
        mount.stop()
        self.cloud.reset()
        self.cloud.fault("drop", method="token", times=0)
        self.cloud.fault("500", method="token", times=0)
        mount.start()
        path = mount.fresh(model="imagen-3")
        self.assertIn(errname(outcome(path)[0]), ("ENETUNREACH", "EACCES", "ETIMEDOUT"))
        self.assertEqual(self.cloud.counters()["billed_udollars"], 0)
        self.cloud.control("faults", verb="DELETE")
        self.assertTrue(read(path))

    def test_config_shows_no_secret(self):
        mount = self.command_mount(TOKEN.format(python=sys.executable, url=self.cloud.url))
        config = mount.control("config.json")
        self.assertNotIn(os.path.join(mount.base, "token"), json.dumps(config))


class Leak(unittest.TestCase):
    """The test of the test: a secret that is written is found."""

    def test_is_found(self):
        with paidfix.Cloud("--today", paidfix.THEN) as cloud:
            mount = PaidMount(cloud)
            self.addCleanup(mount.discard)
            self.assertEqual(mount.leaks(), [])
            mount.stop()
            with open(mount.log, "a", encoding="utf-8") as f:
                f.write(f"the key is {cloudfix.API_KEY}\n")
            self.assertEqual(len(mount.leaks()), 1)
            self.assertRaises(AssertionError, mount.close)


if __name__ == "__main__":
    mountfix.main()

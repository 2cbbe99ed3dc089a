#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A local server that behaves as the paid media services do, and counts the bill.

It speaks Vertex AI (Imagen, Veo, Gemini), the Gemini Developer API, OpenAI's pictures
and chat, Cloud Storage, OAuth tokens and the metadata server, all on one loopback port.
Nothing it makes is AI and nothing costs money. README.md beside this file tells more.
"""
import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import ssl
import subprocess
import sys
import tempfile

from app import Cloud
from auth import Auth
from clips import Clips, default_dir
from http1 import Server
from keys import Identity
from models import Models

HERE = os.path.dirname(os.path.abspath(__file__))


def parse_args(words):
    parser = argparse.ArgumentParser(
        prog="cloud.py", description=__doc__.split("\n\n")[0],
        epilog="Settings and counters: http://127.0.0.1:PORT/_control/status. "
               "Stop it with SIGTERM or Ctrl-C.")
    add = parser.add_argument
    add("--port", type=int, default=8765, metavar="N",
        help="port on 127.0.0.1 (default 8765); 0: any free one, printed at start")
    add("--write-credentials", metavar="DIR",
        help="write key files and an env.sh that lead programs to this server; a "
             "service account that is there already keeps its key")
    add("--project", default="local-project", metavar="ID",
        help="the one project that may be called (default local-project)")
    add("--locations", default="global,us-central1,us-east4,europe-west4,us,eu",
        metavar="A,B", help="locations that exist (default %(default)s)")
    add("--buckets", default="local-bucket", metavar="A,B",
        help="buckets that exist (default local-bucket)")
    add("--today", metavar="YYYY-MM-DD",
        help="behave as on that day: models retired later are still alive")
    add("--models", metavar="FILE",
        help="more models, or changed fields of known ones, as models.json has them")
    add("--prices", metavar="FILE",
        help='price table: {"MODEL": {"image": micro-USD, ...}, ...}')
    add("--token-ttl", type=float, default=3599, metavar="SECONDS",
        help="life of an access token (default 3599)")
    add("--storage-auth", action="store_true",
        help="Cloud Storage asks for a token; else a call without one passes, as with "
             "an emulator")
    add("--latency-ms", type=int, default=0, metavar="N", help="of every paid call")
    add("--operation-seconds", type=float, default=0.2, metavar="S",
        help="from the start of a video to done (default 0.2)")
    add("--image-bytes", type=int, default=0, metavar="N",
        help="pad every picture to this size, by chunks that decoders skip")
    add("--video-bytes", type=int, default=0, metavar="N", help="the same for videos")
    add("--cache", default=default_dir(), metavar="DIR",
        help="where clips made by ffmpeg are kept (default %(default)s)")
    add("--lenient", action="store_true",
        help="ignore unknown parameters of :predict, as the real service does, "
             "in place of refusing them")
    add("--tls", action="store_true",
        help="serve https with a certificate for localhost; its PEM is tls-cert.pem "
             "beside the credentials")
    return parser.parse_args(words)


def read_json(path):
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def tls_context(directory):
    cert, key = (os.path.join(directory, n) for n in ("tls-cert.pem", "tls-key.pem"))
    if not os.path.exists(cert):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
             "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
            check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def allow_many_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def serve(options, directory):
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    identity = Identity(options.project)
    auth = Auth(identity, options.token_ttl)
    auth.storage_open = not options.storage_auth
    models = Models(os.path.join(HERE, "models.json"), read_json(options.models),
                    read_json(options.prices), options.today)
    clips = Clips(options.cache)
    if not clips.has_ffmpeg:
        print("cloud.py: ffmpeg is not installed: video requests will be refused",
              file=sys.stderr)
    cloud = Cloud(auth, models, clips, directory, options)
    for name in ("latency_ms", "operation_seconds", "image_bytes", "video_bytes",
                 "lenient"):
        cloud.config[name] = getattr(options, name)

    keys = options.write_credentials or os.path.join(directory, "keys")
    os.makedirs(keys, mode=0o700, exist_ok=True)
    server = Server(cloud, cloud.ledger.connections, cloud.config)
    cloud.server = server
    await server.listen(options.port, tls_context(keys) if options.tls else None)
    auth.base = f"{'https' if options.tls else 'http'}://127.0.0.1:{server.port}"
    identity.write(keys, auth.base, server.port)
    # The first line on stdout is for programs: the port.
    print(server.port, flush=True)
    if options.write_credentials:
        print(f"cloud.py: serving {auth.base}; use it with: . {keys}/env.sh",
              file=sys.stderr)
    gc.freeze()
    await stopped.wait()
    server.stop()
    cloud.operations.stop()
    await asyncio.sleep(0)


def main():
    options = parse_args(sys.argv[1:])
    allow_many_connections()
    with tempfile.TemporaryDirectory(prefix="promptfs-cloud-") as directory:
        try:
            asyncio.run(serve(options, directory))
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            sys.exit(f"cloud.py: {error}")


if __name__ == "__main__":
    main()

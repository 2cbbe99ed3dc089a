#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns models.json into a C source: embed.py INPUT OUTPUT."""
import json
import sys


def no_repeats(pairs):
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise SystemExit(f"{sys.argv[1]}: \"{name}\" stands there twice")
    return dict(pairs)


with open(sys.argv[1], encoding="utf-8") as f:
    text = json.dumps(json.load(f, object_pairs_hook=no_repeats), separators=(",", ":"))
data = text.encode("ascii")
with open(sys.argv[2], "w", encoding="ascii") as f:
    f.write('#include "backend/model/models.h"\n\nconst char models_json[] = {\n')
    for at in range(0, len(data), 16):
        f.write("\t" + " ".join(f"{b}," for b in data[at:at + 16]) + "\n")
    f.write(f"\t0}};\nconst size_t models_json_len = {len(data)};\n")

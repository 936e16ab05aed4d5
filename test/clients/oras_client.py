"""Commands of the oras Python client for oras.ts; each prints one line of JSON.

login HOST NAME                 whether it wrote down the password that it read
push TARGET FILE [chunked]      the digest of the manifest, as the registry names it
attach TARGET SUBJECT SIZE FILE the same, with a subject
pull TARGET FOLDER              the paths of the files
tags REPOSITORY                 the tags
delete REPOSITORY TAG           whether it was deleted
"""

import json
import logging
import os
import sys

import oras.client
import oras.oci

logging.disable(logging.INFO)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


CONFIG = os.path.expanduser("~/.docker/config.json")


def signed_in(target):
    # Its way with tokens keeps the first one, which is for pulling, also for what is pushed.
    backend = "basic" if os.path.exists(CONFIG) else "token"
    client = oras.client.OrasClient(insecure=True, auth_backend=backend)
    client.auth.load_configs(client.get_container(target))
    return client


def main(command, *arguments):
    if command == "login":
        host, name = arguments
        client = oras.client.OrasClient(insecure=True)
        client.login(name, sys.stdin.read(), hostname=host, config_path=CONFIG)
        return True
    client = signed_in(arguments[0])
    if command == "push":
        target, file, *chunked = arguments
        answer = client.push(
            target, files=[file], disable_path_validation=True, do_chunked=bool(chunked)
        )
        return answer.headers["Docker-Content-Digest"]
    if command == "attach":
        target, subject, size, file = arguments
        about = oras.oci.Subject(mediaType=MANIFEST, digest=subject, size=int(size))
        answer = client.push(
            target, files=[file], disable_path_validation=True, subject=about
        )
        return answer.headers["Docker-Content-Digest"]
    if command == "pull":
        target, folder = arguments
        return client.pull(target, outdir=folder)
    if command == "tags":
        return client.get_tags(arguments[0])
    if command == "delete":
        repository, tag = arguments
        return client.delete_tag(repository, tag)
    sys.exit(f"no command {command}")


print(json.dumps(main(*sys.argv[1:])))

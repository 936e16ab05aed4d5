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


def main(command, *arguments):
    client = oras.client.OrasClient(insecure=True)
    if command == "login":
        host, name = arguments
        config = os.path.expanduser("~/.docker/config.json")
        client.login(name, sys.stdin.read(), hostname=host, config_path=config)
        return True
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

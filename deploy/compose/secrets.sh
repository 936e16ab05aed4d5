#!/bin/sh
# Makes the secrets that three-nodes.yaml reads, in the folder `secrets` beside it, once.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
  echo "$(pwd)/secrets is there already: it is left as it is." >&2
  exit 1
fi
# The folder keeps others out. Its files must be readable within containers, whose users are not ours.
mkdir -m 700 secrets
umask 022
openssl rand -hex 24 >secrets/postgres_password
openssl rand -base64 32 >secrets/secret_key
access="$(openssl rand -hex 10)"
secret="$(openssl rand -hex 20)"
cat >secrets/s3.env <<END
ROOT_ACCESS_KEY=$access
ROOT_SECRET_KEY=$secret
AWS_ACCESS_KEY_ID=$access
AWS_SECRET_ACCESS_KEY=$secret
END

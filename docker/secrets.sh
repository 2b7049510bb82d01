#!/bin/sh
# Makes the secrets of docker-compose.yml as files in the folder secrets/, each once: what is there stays.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
# write NAME: the standard input becomes the secret. Containers read it as another user, so the folder keeps others out.
write() {
    cat > "secrets/.$1"
    chmod 0444 "secrets/.$1"
    mv "secrets/.$1" "secrets/$1"
}
if [ ! -f secrets/database_url ]; then
    password=$(random)
    printf '%s' "$password" | write postgres_password
    printf 'postgresql+psycopg://unteachable:%s@postgres:5432/unteachable\n' "$password" | write database_url
fi
if [ ! -f secrets/broker_url ]; then
    password=$(random)
    printf 'requirepass %s\n' "$password" | write valkey.conf
    printf 'redis://:%s@valkey:6379/0\n' "$password" | write broker_url
fi
if [ ! -f secrets/s3_secret_access_key ]; then
    password=$(random)
    printf '{"identities": [{"name": "unteachable", "credentials": [{"accessKey": "unteachable", "secretKey": "%s"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n' "$password" | write s3.json
    printf 'unteachable\n' | write s3_access_key_id
    printf '%s\n' "$password" | write s3_secret_access_key
fi
if [ ! -f secrets/secret_keys ]; then
    random | write secret_keys
fi

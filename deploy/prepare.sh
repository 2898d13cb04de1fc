#!/bin/sh
# Makes the secrets and settings of docker-compose.yml under deploy/made; overwrites nothing.
#   sudo deploy/prepare.sh hospital.example "Name of the hospital"
set -eu
umask 077

server=${1:?"usage: deploy/prepare.sh SERVER_NAME [HOSPITAL]"}
hospital=${2:-Our Hospital}
root=$(cd "$(dirname "$0")/.." && pwd)
made=$root/deploy/made

case $server in
  *[!A-Za-z0-9.:-]*) echo "$server is not a server name such as hospital.example." >&2; exit 2 ;;
esac
if [ "$(id -u)" != 0 ]; then
  echo "Run this with sudo: each secret is handed to the user inside the container that reads it." >&2
  exit 1
fi
if [ -e "$made" ]; then
  echo "$made exists already: this makes new installations and overwrites nothing." >&2
  exit 1
fi

secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

mkdir -p "$made/secrets" "$made/synapse" "$made/curbside"
secret > "$made/secrets/postgres_password"
cp "$made/secrets/postgres_password" "$made/secrets/database_password"
secret > "$made/secrets/registration_secret"

cat > "$made/synapse/homeserver.yaml" <<YAML
server_name: "$server"
public_baseurl: "https://$server/"
listeners:
  - {port: 8008, type: http, tls: false, x_forwarded: true, bind_addresses: ["0.0.0.0"],
     resources: [{names: [client, federation]}]}
database:
  name: psycopg2
  args: {host: postgres, user: curbside, database: synapse, password: "$(cat "$made/secrets/postgres_password")"}
signing_key_path: /conf/signing.key
media_store_path: /data/media
log_config: /conf/log.yaml
macaroon_secret_key: "$(secret)"
form_secret: "$(secret)"
registration_shared_secret_path: /run/secrets/registration_secret
enable_registration: false
report_stats: false
trusted_key_servers: [{server_name: matrix.org}]
suppress_key_server_warning: true
YAML
cat > "$made/synapse/log.yaml" <<YAML
version: 1
formatters: {line: {format: "%(asctime)s %(levelname)s %(name)s: %(message)s"}}
handlers: {console: {class: logging.StreamHandler, formatter: line}}
root: {level: WARNING, handlers: [console]}
disable_existing_loggers: false
YAML

printf 'ed25519 a_%s %s\n' "$(secret | cut -c1-4)" "$(head -c 32 /dev/urandom | base64 | tr -d '=\n')" \
  > "$made/synapse/signing.key"

# The users inside the containers: 999 PostgreSQL, 991 Synapse, 10001 Curbside.
chown 999:999 "$made/secrets/postgres_password"
chown 991:991 "$made/secrets/registration_secret" "$made/synapse" "$made/synapse"/*
chown 10001:10001 "$made/secrets/database_password" "$made/curbside"

cat <<NEXT
Made $made. Keep it out of any repository. Next:
1. sudo docker compose build curbside
2. sudo docker compose run --rm --no-deps curbside init --yes --hospital "$hospital" \\
     --server-name "$server" --homeserver http://synapse:8008 --web-host 0.0.0.0 \\
     --database postgresql+asyncpg://curbside@postgres/curbside \\
     --database-password-file /run/secrets/database_password
3. sudo docker compose up --detach --wait synapse, then register the bots: deploy/README.md, step 4
4. sudo docker compose up --detach --wait
NEXT

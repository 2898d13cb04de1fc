"""What `curbside init` writes."""

SETTINGS = """\
# Curbside's settings. Every one of them is explained in docs/operator.md.
# Paths are relative to this file; lengths of time are written 90s, 10m, 2h or 1d.
# The environment wins: CURBSIDE_LOG_LEVEL=debug, CURBSIDE_WEB__PORT=9000.

hospital = {hospital}
homeserver = {homeserver}  # where the bots reach it
server_name = {server_name}  # what stands after the colon of your Matrix ids
language = {language}  # of rooms, and of people who have not chosen: en or de
timezone = {timezone}

# Who is told when nobody answers, and when a message could not be delivered.
moderators = {moderators}

# Other hospitals whose people may talk to the bots, by the server name in their Matrix ids.
allowed_servers = []

# Who is on call; read again whenever it changes.
roster = "roster.toml"

# Without a database, SQLite in data_dir is used and nothing needs to be installed.
data_dir = "data"
{database}

# What is stored is sealed with the newest of these keys. Keep a copy of the file elsewhere.
at_rest_keys = "secrets/at-rest.keys"

log_level = "info"

{accounts}

[trust]
# To which devices encrypted messages go: "cross-signed" ones, or "all".
policy = "cross-signed"
# Devices of people who have not set up cross-signing at all: "withhold" or "send".
users_without_identity = "withhold"

[consults]
# How long a paged clinician has to accept before the next one is asked. Your policy, not ours;
# a service in the roster may set its own.
stat = "5m"
urgent = "20m"
routine = "4h"

[limits]
commands_per_minute = 30  # of one person; 0: no limit

[web]
host = {web_host}  # health and metrics; "" switches them off
port = 8090

[health]
# /readyz says no when a message stays undelivered, or a timer overdue, for longer than this.
undelivered = "2m"
overdue = "30s"
"""

ROSTER = """\
# Who can be asked, and who is on call. Curbside reads this file again whenever it changes.
# The worked example below is commented out: put in your services and your people's Matrix ids.
# Times are wall time in the service's time zone (the settings' own where it names none).
# Departments with rotas and policies have files of their own, of the same form: docs/department.md.

include = ["departments/*.toml"]

# [services.cardiology]
# name = "Cardiology"
# name_de = "Kardiologie"
# synonyms = ["cards", "heart"]
# # Asked in this order, at all hours, after those who are on shift.
# on_call = ["@anna.berg:hospital.example", "@jonas.weiss:hospital.example"]
# timezone = "Europe/Berlin"
# timers = { stat = "2m", urgent = "10m", routine = "4h" }
#
# [[services.cardiology.shifts]]
# who = "@mira.stern:hospital.example"
# days = "mon-fri"
# from = "20:00"
# to = "08:00"

# [clinicians."@anna.berg:hospital.example"]
# name = "Dr Anna Berg"
# specialty = "cardiology"
"""

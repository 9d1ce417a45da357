/**
 * Measures this product beside its peers, in one run: `npm run bench`. The server of each system is
 * in processes of its own, and the load in another one, with the system's own client. Rounds of all
 * systems alternate. `bench/README.md` has the works, the results and their limits.
 */
import { parseArgs } from 'node:util'
import { ownWorksOf, sizes, smokeOwnWorks, smokeSizes, worksOf } from './cells.ts'
import { type Cell, endCleanly, measure, type Run } from './measure.ts'
import { print } from './report/print.ts'
import { write } from './report/write.ts'
import { type PeerName, peerNames, peers, tony } from './systems/systems.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: peerNames.join() },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const leastPeers = 3
const { smoke } = values
const share = smoke ? 0 : Number(values.scale)
const rounds = smoke ? 1 : Number(values.rounds)

function selectedPeers(): readonly PeerName[] {
  const named = values.peers.split(',').filter((name) => name !== 'none')
  const unknown = named.filter((name) => !peerNames.some((peer) => peer === name))
  if (unknown.length > 0) throw new Error(`unknown peer ${unknown.join()}: use ${peerNames.join()} or none`)
  return peerNames.filter((name) => named.includes(name))
}

const named = selectedPeers()
const missing = named.filter((name) => !peers[name].isInstalled())
const present = named.filter((name) => !missing.includes(name))
if (missing.length > 0) process.stderr.write(`not installed: ${missing.join(', ')}. bench/peers/install brings them.\n`)
if (present.length < leastPeers && !smoke) {
  process.stderr.write(
    `a comparison needs at least ${leastPeers} peers, and ${present.length} are selected and installed: run bench/peers/install\n`,
  )
  process.exit(2)
}

const isSelected = (name: string): boolean => values.only.split(',').some((part) => name.startsWith(part))
const isPresent = ({ system }: { readonly system: Cell['system'] }): boolean =>
  system.isPeer ? present.some((name) => peers[name].name === system.name) : system.isInstalled()

const cellsOfRound = (round: number): Cell[] => {
  const compared = worksOf(share).flatMap(({ name, entries }) => {
    const cells = entries.filter(isPresent).map(
      (entry): Cell => ({
        ...entry,
        work: name,
        warmUp: smoke ? 0 : Math.ceil(entry.n / 5_000) * 500,
        sizes: smoke ? smokeSizes : sizes,
      }),
    )
    return round % 2 === 0 ? cells : cells.toReversed()
  })
  // Their opening takes long, and no peer takes part, so one round has them.
  const own = (round > 0 ? [] : smoke ? smokeOwnWorks : ownWorksOf(share)).map(
    ({ name, workload, agents, forMs }): Cell => ({
      work: name,
      system: tony,
      workload,
      form: '',
      n: forMs,
      warmUp: workload === 'latency' && !smoke ? 2_000 : 0,
      sizes: { ...sizes, agents },
    }),
  )
  return [...compared, ...own].filter(({ work }) => isSelected(work))
}

const runs: Run[] = []
let failed = 0
const describe = ({ work, system, form }: Cell): string => `${work}, ${system.name}${form ? `, ${form}` : ''}`

async function runCell(cell: Cell): Promise<void> {
  try {
    const run = await measure(cell)
    if (cell.system !== tony || cell.sizes.agents === 0) assertCount(cell, run)
    runs.push(run)
    if (values.json) process.stdout.write(`${JSON.stringify(run)}\n`)
    else
      process.stderr.write(
        `${describe(cell)}: ${smoke ? `${run.counted} counted` : `${Math.round(run.perSecond)}/s`}\n`,
      )
  } catch (error) {
    failed += 1
    process.stderr.write(`FAILED ${describe(cell)}: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}

function assertCount({ n }: Cell, { counted }: Run): void {
  if (counted !== n) throw new Error(`${counted} of ${n} operations were counted`)
}

endCleanly()
for (let round = 0; round < rounds; round += 1) for (const cell of cellsOfRound(round)) await runCell(cell)

if (smoke) process.stdout.write(`${runs.length} cells counted right, ${failed} failed\n`)
else if (!values.json) print(runs)
if (values.write) write(runs, rounds, share)
if (failed > 0 || runs.length === 0) process.exitCode = 1
